"""`python -m conv_conformance.capture`: run a program in this process and capture its convolutions."""

import sys

from conv_conformance.capture.program import main

if __name__ == "__main__":
    main(sys.argv[1:])
