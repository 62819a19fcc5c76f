"""Object storage: Amazon S3."""

import io


class _Lent:
    """A file object that stays open: boto3 closes what it has uploaded."""

    def __init__(self, data):
        self._data = data

    def __getattr__(self, name):
        return getattr(self._data, name)

    def close(self):
        pass


class _Objects:
    def __init__(self):
        import boto3

        self._s3 = boto3.client("s3")

    def upload_file(self, bucket, key, path):
        self._s3.upload_file(path, bucket, key)

    def upload(self, bucket, key, data):
        self._s3.upload_fileobj(_Lent(data), bucket, key)

    def download_file(self, bucket, key, path):
        self._s3.download_file(bucket, key, path)

    def download(self, bucket, key):
        data = io.BytesIO()
        self._s3.download_fileobj(bucket, key, data)
        return data.getvalue()

    def keys(self, bucket, prefix):
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", []))
