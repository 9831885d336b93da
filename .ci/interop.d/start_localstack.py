"""Starts LocalStack with the Python of its own environment; 3.12 will do, though LocalStack is written for 3.13."""

import warnings

import typing_extensions

# All that it uses of Python 3.13 alone. (3.11 lacks syntax that it uses.)
if not hasattr(warnings, "deprecated"):
    warnings.deprecated = typing_extensions.deprecated

# Loaded here because LocalStack hides why this can't be loaded.
import localstack.aws.components  # noqa: E402, F401
from localstack.runtime.main import main  # noqa: E402

if __name__ == "__main__":
    main()
