"""Sign a token for `bedside serve`, as a host system does for the person who is logged on:

    openssl genpkey -algorithm ed25519 -out host.key && openssl pkey -in host.key -pubout -out host.pub
    python3 examples/sign_token.py host.key ward-9 EP-2026-0002 < reader.json

One episode, one audience, five minutes. A real host signs with a library, and with a key that it guards.
"""

import base64
import json
import subprocess
import sys
import tempfile
import time


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key: str, message: bytes) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(message)
        file.flush()
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name]
        return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> None:
    key, audience, episode = sys.argv[1:]
    reader = json.load(sys.stdin)
    now = int(time.time())
    claims = {
        "aud": audience,
        "episode": episode,
        "iat": now,
        "exp": now + 300,
        "reason": reader["reason"],
        "relationship": reader["relationship"],
        "user": {
            "id": reader["user_id"],
            "sds_id": reader["sds_user_id"],
            "role_profile": reader["sds_role_profile_id"],
            "family": reader["family"],
            "given": reader["given"],
            "prefix": reader.get("prefix"),
            "role": reader["role"],
            "organisation": reader["organisation_ods"],
            "organisation_name": reader["organisation_name"],
        },
    }
    payload = base64url(json.dumps(claims).encode())
    print(f"{payload}.{base64url(sign(key, payload.encode()))}")


if __name__ == "__main__":
    main()
