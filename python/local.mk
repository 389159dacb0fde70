# SPDX-License-Identifier: MIT
# The client module for Python programs: one file, standard library only.
python_PYTHON = python/svmkit.py
