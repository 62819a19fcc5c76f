"""Object storage: MinIO."""

import os

# The size of the parts in which a stream of unknown length is uploaded.
PART = 10 << 20


class _Objects:
    """At the address that the last request told: its settings come with each."""

    def __init__(self):
        from minio import Minio

        self._type = Minio
        self._client = None
        self._settings = None

    def upload_file(self, bucket, key, path):
        self._minio().fput_object(bucket, key, path)

    def upload(self, bucket, key, data):
        self._minio().put_object(bucket, key, data, length=-1, part_size=PART)

    def download_file(self, bucket, key, path):
        self._minio().fget_object(bucket, key, path)

    def download(self, bucket, key):
        answer = self._minio().get_object(bucket, key)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def keys(self, bucket, prefix):
        return (entry.object_name for entry in self._minio().list_objects(bucket, prefix=prefix, recursive=True))

    def _minio(self):
        names = ("CONNECTION_URL", "ACCESS_KEY", "SECRET_KEY")
        settings = tuple(os.environ.get(f"MINIO_STORAGE_{name}") for name in names)
        if self._settings != settings:
            url, access_key, secret_key = settings
            if not url:
                raise RuntimeError("storage has no address: call the action with MINIO_STORAGE_CONNECTION_URL, HOST:PORT")
            scheme, _, host = url.rpartition("://")
            self._client = self._type(host, access_key=access_key, secret_key=secret_key, secure=scheme == "https")
            self._settings = settings
        return self._client
