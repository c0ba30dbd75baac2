"""Makes a C file that holds the bytes of another file: embed.py NAME INPUT OUTPUT declares `const char NAME[]` and `const size_t NAME_bytes`."""

import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
rows = [", ".join(str(byte) for byte in data[at : at + 32]) for at in range(0, len(data), 32)]
with open(target, "w") as file:
    file.write(f"#include <stddef.h>\nextern const char {name}[];\nextern const size_t {name}_bytes;\n")
    file.write(f"const char {name}[] = {{{', '.join(rows)}, 0}};\nconst size_t {name}_bytes = {len(data)};\n")
