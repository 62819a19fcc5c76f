"""Object storage: Google Cloud Storage."""

import shutil
import tempfile


class _Objects:
    def __init__(self):
        import google.cloud.storage as sdk

        self._service = sdk.Client()

    def upload_file(self, bucket, key, path):
        self._blob(bucket, key).upload_from_filename(path)

    def upload(self, bucket, key, data):
        # The SDK takes only what can be read again, and from its beginning on.
        if data.seekable() and data.tell() == 0:
            self._blob(bucket, key).upload_from_file(data)
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(data, copy)
            self._blob(bucket, key).upload_from_file(copy, rewind=True)

    def download_file(self, bucket, key, path):
        self._blob(bucket, key).download_to_filename(path)

    def download(self, bucket, key):
        return self._blob(bucket, key).download_as_bytes()

    def keys(self, bucket, prefix):
        return (blob.name for blob in self._service.list_blobs(bucket, prefix=prefix))

    def _blob(self, bucket, key):
        return self._service.bucket(bucket).blob(key)
