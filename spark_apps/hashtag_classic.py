"""The stream by DStreams: spark_apps.classic says where that applies."""
from __future__ import annotations

import sys

from spark_apps import driving
from spark_apps.classic.args import classic_args
from spark_apps.classic.run import run

if __name__ == "__main__":
    sys.exit(driving.main(sys.argv[1:], classic_args, run))
