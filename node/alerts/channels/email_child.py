"""The process that hands one mail to an SMTP server and ends. email.py starts it, and may kill it.

It reads one line of JSON from standard input and writes one to standard output. It uses the standard library alone.
"""

import ctypes
import json
import os
import signal
import smtplib
import ssl
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
SPARE_SEC = 5
"""So long after its time whoever started it has killed it, or is not there any more."""


def main() -> None:
    guard(int(sys.argv[1]))
    request = json.loads(sys.stdin.buffer.readline())
    signal.alarm(int(request["timeout"]) + SPARE_SEC)
    print(json.dumps(answer(request)), flush=True)  # noqa: T201 - whoever started it reads this


def guard(parent: int) -> None:
    """Die with the daemon, be nobody's to look into, keep nobody's directory busy."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(0)
    os.chdir("/")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What became of the mail."""
    where = f"{request['host']}:{request['port']}"
    try:
        return deliver(request)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return failure(f"{where} takes it for nobody: {refusals(error.recipients)}", all(code >= 500 for code in codes))
    except smtplib.SMTPResponseException as error:
        words = f"{where} says {error.smtp_code} {text(error.smtp_error)}"
        return failure(words, 500 <= error.smtp_code < 600)
    except smtplib.SMTPNotSupportedError as error:
        return failure(f"{where} does not offer what is configured: {error}", True)
    except smtplib.SMTPServerDisconnected as error:
        return failure(f"{where} closed the connection: {error}", False)
    except smtplib.SMTPException as error:
        return failure(f"{where}: {error}", False)
    except ssl.SSLCertVerificationError as error:
        return failure(f"the certificate of {where} is not good: {error.verify_message}", False)
    except ssl.SSLError as error:
        return failure(f"{where} does not speak TLS as configured: {error.reason or error}", False)
    except TimeoutError:
        return failure(f"{where} does not answer in time", False)
    except OSError as error:
        return failure(f"{where} cannot be reached: {error.strerror or error}", False)


def deliver(request: dict[str, Any]) -> dict[str, Any]:
    """Raises smtplib.SMTPException and OSError."""
    place, timeout = (request["host"], request["port"]), request["timeout"]
    tls = authorities(request["ca_file"]) if request["security"] != "none" else None
    if request["security"] == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*place, request["hostname"], timeout=timeout, context=tls)
    else:
        server = smtplib.SMTP(*place, request["hostname"], timeout=timeout)
    try:
        if request["security"] == "starttls":
            server.starttls(context=tls)
        if request["username"]:
            server.login(request["username"], request["password"] or "")
        refused = server.sendmail(request["sender"], request["to"], request["mail"].encode("ascii"))
    except BaseException:
        server.close()
        raise
    taken = [address for address in request["to"] if address not in refused]
    said = {"sent": f"taken for {', '.join(taken)}", "refused": refusals(refused)}
    # The mail is taken, whatever becomes of the good-bye.
    server.close()
    return said


def authorities(file: str | None) -> ssl.SSLContext:
    """Raises smtplib.SMTPException when the file cannot be used."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise smtplib.SMTPException(f"the ca_file {file} cannot be used: {error.strerror or error}") from error


def refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    """Each address and why it was not taken."""
    return ", ".join(f"{address} ({code} {text(reason)})" for address, (code, reason) in recipients.items())


def text(said: bytes | str) -> str:
    """What a server said, on one line."""
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join(words.split())


def failure(error: str, is_permanent: bool) -> dict[str, Any]:
    return {"error": error, "is_permanent": is_permanent}


if __name__ == "__main__":
    main()
