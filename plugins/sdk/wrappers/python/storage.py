# What benchmarks call. Before this there is `_Objects`, the service's own calls by exact keys. It imports the
# service's SDK when it is made, which is when it is first needed.
import io  # noqa: E402
import os  # noqa: E402
import uuid  # noqa: E402


class storage:
    """Object storage. Uploads get a unique key; what `get_instance` is given at first goes to `_Objects`."""

    _instance = None

    def __init__(self, *account):
        self._account = account
        self._made = None

    @staticmethod
    def get_instance(*account):
        """The one instance."""
        if storage._instance is None:
            storage._instance = storage(*account)
        return storage._instance

    @staticmethod
    def unique_name(name):
        """`stem.<8 hexadecimal digits>.extension`, so that no two uploads meet."""
        stem, extension = os.path.splitext(name)
        return f"{stem}.{uuid.uuid4().hex[:8]}{extension}"

    def upload(self, bucket, file, filepath):
        """Uploads a file; the unique key that it has got."""
        key = self.unique_name(file)
        self._objects().upload_file(bucket, key, filepath)
        return key

    def download(self, bucket, file, filepath):
        """Downloads an object to a file."""
        self._objects().download_file(bucket, file, filepath)

    def download_directory(self, bucket, prefix, path):
        """Downloads all objects whose key begins with `prefix`, as files at `path`/key."""
        for key in self._objects().keys(bucket, prefix):
            target = _below(path, key)
            if key.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.download(bucket, key, target)

    def upload_stream(self, bucket, file, data):
        """Uploads what a binary file object holds; the unique key that it has got."""
        key = self.unique_name(file)
        self._objects().upload(bucket, key, data)
        return key

    def download_stream(self, bucket, file):
        """An object's bytes."""
        return self._objects().download(bucket, file)

    def write(self, bucket, key, text):
        """Writes a text under exactly this key, as entry points do with results."""
        self._objects().upload(bucket, key, io.BytesIO(text.encode()))

    def _objects(self):
        if self._made is None:
            try:
                self._made = _Objects(*self._account)  # noqa: F821
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses storage, but its config.json does not declare it: "
                    f'add "storage" to "modules" ({error})'
                ) from error
        return self._made


def _below(folder, key):
    """The file's path of a key, which must not lead out of the folder."""
    root = os.path.realpath(folder)
    target = os.path.realpath(f"{root}/{key}")
    if os.path.commonpath([root, target]) != root:
        raise ValueError(f"the object `{key}` would be written outside of {folder}")
    return target
