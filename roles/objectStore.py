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
        """All keys under the cache's prefix, the oldest first."""
        keys, token = [], None
        while True:
            query = {"list-type": "2", "prefix": self.settings["prefix"]}
            page = parsed(self.request("GET", "", {**query, "continuation-token": token} if token else query)[1])
            keys += [found for each in page.iter("Contents") if (found := each.findtext("Key"))]
            token = page.findtext("NextContinuationToken")
            if not token:
                return sorted(keys)

    def upload(self, key, parts, whole):
        """Bytes sent. `whole` is asked before the object is made: it throws where the parts are not all there is."""
        identifier = parsed(self.request("POST", key, {"uploads": ""})[1]).findtext("UploadId")
        try:
            tags, digests, size = [], b"", 0
            for number, part in enumerate(parts, 1):
                query = {"partNumber": str(number), "uploadId": identifier}
                tags.append(self.request("PUT", key, query, part)[0]["etag"])
                digests += hashlib.md5(part).digest()
                size += len(part)
            whole()
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, 1)
            )
            document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            self.request("POST", key, {"uploadId": identifier}, document)
        except BaseException:
            self.request("DELETE", key, {"uploadId": identifier})
            raise
        self.compare(key, size, f"{hashlib.md5(digests).hexdigest()}-{len(tags)}")
        return size

    def compare(self, key, size, tag):
        headers = self.request("HEAD", key)[0]
        found = (int(headers["content-length"]), headers["etag"].strip('"'))
        if found != (size, tag):
            self.request("DELETE", key)
            raise Failed(f"{key} arrived as {found}, not as {(size, tag)}: it was deleted again")

    def fetch(self, key, target):
        connection, response = self.once("GET", key, {}, b"")
        with contextlib.closing(connection), response:
            if response.status != 200:
                raise Failed(f"the object storage refuses GET {key}: {response.status} {told(response.read())}")
            size = int(response.headers["content-length"])
            shutil.copyfileobj(response, target, 1 << 20)
            if response.length:
                raise Failed(f"{key} ended {response.length} bytes before its end ({size})")


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
