"""S3 and DynamoDB, by moto, on a free loopback port."""

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SESSION_TOKEN": "testing"}


class Aws:
    def __init__(self):
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        arguments = dict(
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            aws_session_token="testing",
        )
        self.s3 = boto3.client("s3", **arguments)
        self.dynamodb = boto3.client("dynamodb", **arguments)

    @property
    def environment(self) -> dict[str, str]:
        """What lets a function's SDK find it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION}

    def bucket(self, name: str, objects: dict[str, bytes] | None = None) -> str:
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, contents in (objects or {}).items():
            self.s3.put_object(Bucket=name, Key=key, Body=contents)
        return name

    def keys(self, bucket: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def table(self, name: str, primary: str, secondary: str) -> str:
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": primary, "KeyType": "HASH"},
                {"AttributeName": secondary, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": primary, "AttributeType": "S"},
                {"AttributeName": secondary, "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    def close(self):
        self._server.stop()
