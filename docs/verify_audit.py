#!/usr/bin/env python3
"""Check a proof that was downloaded from the audit page: `python3 verify_audit.py proof.jsonl [--public-key HEX] [--heads FILE]`.

Stands alone: nothing but Python 3.8 or newer is needed. The format is described in docs/audit.md. Ends with status 0 when
every row, seal and the signature fit, and with 1, naming the first row or seal that does not, otherwise.

The public key in the file is only as trustworthy as whoever gave you the file: compare it with one you noted earlier,
or pass that one by --public-key.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import itertools
import json
import sys
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

Point = Tuple[int, int, int, int]

LEAF = 48

# Ed25519 (RFC 8032, section 5.1), verification only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y: int, sign: int) -> Optional[int]:
    """Return the x of the point with this y, or None when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if y >= P or (square == 0 and sign):
        return None
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def decompress(data: bytes) -> Optional[Point]:
    """Return the point (in extended coordinates) that 32 bytes stand for, or None."""
    y = int.from_bytes(data, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(a: Point, b: Point) -> Point:
    """Add two points."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def times(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the Ed25519 signature fits."""
    point, r = decompress(key), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or r is None or s >= L:
        return False
    base_y = 4 * pow(5, P - 2, P) % P
    base_x = recover_x(base_y, 0) or 0
    base = (base_x, base_y, 1, base_x * base_y % P)
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, base), add(r, times(h, point))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


def canonical(content: Any) -> bytes:
    """Return the text of a row that is hashed."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def statement_of(chain: str, seals: int, rows: int, digest: str) -> str:
    """Return what the signature of a head signs."""
    return f"{chain} seals={seals} rows={rows} digest={digest}"


def exported(lines: Iterator[str], proof: Dict[str, Any], key: Optional[str]) -> Iterator[Dict[str, Any]]:
    """Yield the heads of the proof's chain in a file of exported heads, oldest first, with whether each is signed.

    A line is one head, or a round of many that share a signature.
    """
    group = "{mode} {stream} {day}".format(**proof)
    name = "{version} {company} {mode} {stream} {day}".format(**proof)
    for line in lines:
        if proof["company"] not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:  # cut off by a crash
            continue
        mine: Optional[Dict[str, Any]] = None
        if "heads" in record:
            statements = []
            for listed, heads in record["heads"].items():
                for company, seals, rows, digest in heads:
                    chain = " ".join([proof["version"], company, listed])
                    statements.append(statement_of(chain, seals, rows, base64.b64decode(digest).hex()))
                    if company == proof["company"] and listed == group:
                        mine = {"seals": seals, "digest": base64.b64decode(digest).hex()}
            first = f"{proof['version']} round {record['signed_at']} heads={len(statements)}"
            signed = "\n".join([first, *statements])
        elif record.get("rows") is not None and all(
            record.get(part) == proof[part] for part in ("company", "mode", "stream", "day")
        ):
            mine = {"seals": record["seals"], "digest": record["digest"]}
            signed = statement_of(name, record["seals"], record["rows"], record["digest"])
        if mine is not None:
            signer = bytes.fromhex(key or record["public_key"])
            mine["signed"] = is_signed(signer, signed.encode(), bytes.fromhex(record["signature"]))
            yield mine


def check(
    lines: Iterator[str], public_key: Optional[str] = None, heads: Optional[Iterator[str]] = None
) -> List[str]:
    """Return what is wrong with a proof, first things first; empty when all is well. `heads`: of AUDIT_HEADS_FILE."""
    head = json.loads(next(lines))
    chain = "{version} {company} {mode} {stream} {day}".format(**head)
    wrong: List[str] = []
    number, rows, digest = 0, 0, bytes(32)
    digests: Dict[int, str] = {}
    missing: Dict[bytes, bytes] = {}
    known: Set[bytes] = set()

    def finish_seal() -> None:
        wrong.extend(f"deleted: row {row.hex()} of seal {number}" for row in missing)
        missing.clear()

    for line in lines:
        record = json.loads(line)
        if record["type"] == "seal":
            finish_seal()
            number += 1
            leaves, previous = bytes.fromhex(record["leaves"]), bytes.fromhex(record["previous"])
            count = len(leaves) // LEAF
            if record["number"] != number:
                wrong.append(f"missing: seal {number}")
                number = record["number"]
            header = f"{chain} {number} {count}\n"
            if (
                previous != digest
                or hashlib.sha256(header.encode() + previous + leaves).hexdigest() != record["digest"]
            ):
                wrong.append(f"altered: seal {number}")
            digest, rows = bytes.fromhex(record["digest"]), rows + count
            digests[number] = record["digest"]
            for at in range(0, len(leaves), LEAF):
                missing[leaves[at : at + 16]] = leaves[at + 16 : at + LEAF]
        else:
            row = bytes.fromhex(record["content"][0])
            expected = missing.pop(row, None)
            if expected is None:
                wrong.append(("repeated" if row in known else "inserted") + f": row {row.hex()}")
            elif hashlib.sha256(canonical(record["content"])).digest() != expected:
                wrong.append(f"edited: row {row.hex()}")
            known.add(row)
    finish_seal()
    if number != head["seals"] or rows != head["rows"] or digest.hex() != head["digest"]:
        wrong.append(f"cut off: {number} of {head['seals']} seals")
    key = public_key or head["public_key"]
    statement = statement_of(chain, head["seals"], head["rows"], head["digest"])
    if head["signature"] is None:
        wrong.append("not signed yet: download the proof again in two minutes")
    elif not is_signed(bytes.fromhex(key), statement.encode(), bytes.fromhex(head["signature"])):
        wrong.append("the signature does not fit")
    for found in exported(heads, head, public_key) if heads is not None else ():
        if not found["signed"]:
            wrong.append(f"the signature of the exported head of seal {found['seals']} does not fit")
        elif found["seals"] > number:
            wrong.append(f"cut off: {found['seals']} seals were exported")
        elif digests.get(found["seals"]) != found["digest"]:
            wrong.append(f"another seal {found['seals']} was exported")
    return wrong


def main() -> None:
    """Read the arguments, check, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("proof")
    parser.add_argument("--public-key", help="the key you noted earlier, 64 hexadecimal digits")
    parser.add_argument(
        "--heads",
        help="a copy of AUDIT_HEADS_FILE from before the download: it must know of no seal that the proof lacks",
    )
    options = parser.parse_args()
    with contextlib.ExitStack() as files:
        proof = files.enter_context(open(options.proof, encoding="utf-8"))
        heads = files.enter_context(open(options.heads, encoding="utf-8")) if options.heads else None
        first = next(proof, "")
        wrong = check(itertools.chain([first], proof), options.public_key, heads)
    # A proof of another day or company is a good one, too: say what was looked at.
    about = "{stream} of {day}, {mode} mode, company {company}: {rows} rows".format(**json.loads(first))
    for line in [about, *wrong[:20], f"{len(wrong)} findings" if wrong else "Nothing was changed."]:
        # Whoever forges a file would also let it write over what is said of it.
        sys.stdout.write("".join(each if each.isprintable() else "?" for each in line) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
