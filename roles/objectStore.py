"""A bucket of an object storage that speaks S3, by its own requests: Debian's clients of it take 100 MB."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import shutil
import ssl
import time
import urllib.parse
import xml.etree.ElementTree

TRIES = 5


class Failed(Exception):
    """Told as one line."""


class Store:
    """`settings`: host, port, region, bucket, prefix (of keys), ca (a file, or None); `keys`: accessKey, secretKey."""

    def __init__(self, settings, keys):
        self.settings = settings
        self.keys = keys
        self.context = ssl.create_default_context(cafile=settings["ca"])

    def signed(self, method, key, query, body, now):
        """Path with query, and headers (AWS Signature Version 4); `now` as the protocol writes it."""
        host, port = self.settings["host"], self.settings["port"]
        path = urllib.parse.quote(f"/{self.settings['bucket']}/{key}" if key else f"/{self.settings['bucket']}")
        quoted = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="")
        digest = hashlib.sha256(body).hexdigest()
        headers = {
            "host": host if port == 443 else f"{host}:{port}",
            "x-amz-content-sha256": digest,
            "x-amz-date": now,
        }
        names = ";".join(headers)
        listed = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join([method, path, quoted, listed, names, digest])
        scope = f"{now[:8]}/{self.settings['region']}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + self.keys["secretKey"]).encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        signature = hmac.digest(secret, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.keys['accessKey']}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        if body:
            headers["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        return f"{path}?{quoted}" if quoted else path, headers

    def once(self, method, key, query, body):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path, headers = self.signed(method, key, query, body, now)
        connection = http.client.HTTPSConnection(
            self.settings["host"], self.settings["port"], timeout=60, context=self.context
        )
        connection.request(method, path, body or None, headers)
        return connection, connection.getresponse()

    def request(self, method, key="", query=None, body=b""):
        """Headers and body of an answer; what is worth it is tried again."""
        reason = ""
        for attempt in range(TRIES):
            time.sleep(attempt and 2 ** (attempt - 1))
            try:
                connection, response = self.once(method, key, query or {}, body)
                answer = response.read()
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                continue
            # Completing an upload may fail after it was said to be well.
            if response.status < 300 and b"<Error>" not in answer[:1000]:
                return {name.lower(): value for name, value in response.getheaders()}, answer
            reason = f"{response.status} {told(answer)}".strip()
            if 400 <= response.status < 500 and response.status not in (408, 429):
                break
        raise Failed(f"the object storage refuses {method} {key or self.settings['prefix']}: {reason}")

    def list(self):
        """All keys under the prefix, in their order: names begin with a moment, so the oldest first."""
        keys, token = [], None
        while True:
            query = {"list-type": "2", "prefix": self.settings["prefix"]}
            page = parsed(self.request("GET", "", {**query, "continuation-token": token} if token else query)[1])
            keys += [found for each in page.iter("Contents") if (found := each.findtext("Key"))]
            token = page.findtext("NextContinuationToken")
            if not token:
                return sorted(keys)

    def fetch(self, key, target):
        connection, response = self.once("GET", key, {}, b"")
        with contextlib.closing(connection), response:
            if response.status != 200:
                raise Failed(f"the object storage refuses GET {key}: {response.status} {told(response.read())}")
            size = int(response.headers["content-length"])
            shutil.copyfileobj(response, target, 1 << 20)
            if response.length:
                raise Failed(f"{key} ended {response.length} bytes before its end ({size})")


class Upload:
    """An object that is sent in parts, and of which nothing is seen before `finish`."""

    def __init__(self, store, key):
        self.store = store
        self.key = key
        self.size = 0
        self.tags = []
        self.digests = b""
        self.identifier = parsed(store.request("POST", key, {"uploads": ""})[1]).findtext("UploadId")

    def add(self, part):
        query = {"partNumber": str(len(self.tags) + 1), "uploadId": self.identifier}
        self.tags.append(self.store.request("PUT", self.key, query, part)[0]["etag"])
        self.digests += hashlib.md5(part).digest()
        self.size += len(part)

    def finish(self):
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(self.tags, 1)
        )
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        try:
            self.store.request("POST", self.key, {"uploadId": self.identifier}, document)
        except BaseException:
            self.abandon()
            raise
        self.compare(f"{hashlib.md5(self.digests).hexdigest()}-{len(self.tags)}")

    def compare(self, tag):
        headers = self.store.request("HEAD", self.key)[0]
        found = (int(headers["content-length"]), headers["etag"].strip('"'))
        if found != (self.size, tag):
            self.store.request("DELETE", self.key)
            raise Failed(f"{self.key} arrived as {found}, not as {(self.size, tag)}: it was deleted again")

    def abandon(self):
        """Where even that is refused, the bucket's own rule removes the parts after days."""
        try:
            self.store.request("DELETE", self.key, {"uploadId": self.identifier})
        except Failed as error:
            print(f"the parts of {self.key} stay for now: {error}", flush=True)


def parsed(document):
    """Without namespaces, which not every storage writes."""
    root = xml.etree.ElementTree.fromstring(document)
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


def told(answer):
    try:
        error = parsed(answer)
        return f"{error.findtext('Code')}: {error.findtext('Message')}"
    except xml.etree.ElementTree.ParseError:
        return ""
