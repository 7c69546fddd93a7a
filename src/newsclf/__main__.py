"""``python -m newsclf``."""

from newsclf.cli import main

if __name__ == "__main__":
    main()
