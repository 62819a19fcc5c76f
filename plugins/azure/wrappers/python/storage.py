"""Object storage: Azure Blob Storage. A bucket is a container of blobs."""

import os

VARIABLE = "STORAGE_CONNECTION_STRING"


class _Objects:
    """Of the account with this connection string, else of the one that the environment tells."""

    def __init__(self, connection_string=None):
        from azure.storage.blob import BlobServiceClient

        connection_string = connection_string or os.environ.get(VARIABLE)
        if not connection_string:
            raise RuntimeError(
                f"the storage account is not known: set {VARIABLE} to its connection string, "
                "or hand that to the first call of get_instance()"
            )
        self._service = BlobServiceClient.from_connection_string(connection_string)

    def upload_file(self, bucket, key, path):
        with open(path, "rb") as data:
            self.upload(bucket, key, data)

    def upload(self, bucket, key, data):
        self._blob(bucket, key).upload_blob(data, overwrite=True)

    def download_file(self, bucket, key, path):
        stream = self._blob(bucket, key).download_blob()
        with open(path, "wb") as target:
            stream.readinto(target)

    def download(self, bucket, key):
        return self._blob(bucket, key).download_blob().readall()

    def keys(self, bucket, prefix):
        return self._service.get_container_client(bucket).list_blob_names(name_starts_with=prefix)

    def _blob(self, bucket, key):
        return self._service.get_blob_client(bucket, key)
