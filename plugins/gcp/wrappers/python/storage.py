"""Object storage: Google Cloud Storage."""

import os
import uuid


class storage:
    """What benchmarks call; the SDK is imported when it is first needed."""

    _instance = None

    def __init__(self):
        self._client = None

    @staticmethod
    def get_instance():
        """The one instance."""
        if storage._instance is None:
            storage._instance = storage()
        return storage._instance

    @staticmethod
    def unique_name(name):
        """`stem.<8 hexadecimal digits>.extension`, so that no two uploads meet."""
        stem, extension = os.path.splitext(name)
        return f"{stem}.{uuid.uuid4().hex[:8]}{extension}"

    def upload(self, bucket, file, filepath):
        """Uploads a file; the unique key that it has got."""
        key = self.unique_name(file)
        self._blob(bucket, key).upload_from_filename(filepath)
        return key

    def download(self, bucket, file, filepath):
        """Downloads an object to a file."""
        self._blob(bucket, file).download_to_filename(filepath)

    def download_directory(self, bucket, prefix, path):
        """Downloads all objects whose key begins with `prefix`, as files at `path`/key."""
        for blob in self._service().list_blobs(bucket, prefix=prefix):
            target = _below(path, blob.name)
            if blob.name.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.download(bucket, blob.name, target)

    def upload_stream(self, bucket, file, data):
        """Uploads what a binary file object holds; the unique key that it has got."""
        key = self.unique_name(file)
        self._blob(bucket, key).upload_from_file(data)
        return key

    def download_stream(self, bucket, file):
        """An object's bytes."""
        return self._blob(bucket, file).download_as_bytes()

    def _blob(self, bucket, key):
        return self._service().bucket(bucket).blob(key)

    def _service(self):
        if self._client is None:
            try:
                import google.cloud.storage as sdk
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses storage, but its config.json does not declare it: "
                    f'add "storage" to "modules" ({error})'
                ) from error
            self._client = sdk.Client()
        return self._client


def _below(folder, key):
    """The file's path of a key, which must not lead out of the folder."""
    root = os.path.realpath(folder)
    target = os.path.realpath(f"{root}/{key}")
    if os.path.commonpath([root, target]) != root:
        raise ValueError(f"the object `{key}` would be written outside of {folder}")
    return target
