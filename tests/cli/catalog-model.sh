# SPDX-License-Identifier: GPL-3.0-or-later
# One model in full; sources are long and may change, so the columns before them are shown.
"$HEADROOM" catalog models meta-llama/Llama-4-Scout-17B-16E-Instruct | grep -v '^source' | sed 's/ \(yes\|no\) .*/ \1/; s/^-.*//'
