# SPDX-License-Identifier: GPL-3.0-or-later
# Horizontal ranges, one row each. The program put the numbers, read by column name from the
# table, into $RANGES: color, from, to, top, bottom. Names, bands and words were set before as labels
# and arrows.
set lmargin at screen LEFT
set rmargin at screen RIGHT
set tmargin at screen TOP
set bmargin at screen BOTTOM
set xrange [X_LO:X_HI]
set yrange [ROWS + 0.5:0.5]
unset ytics
set grid xtics noytics
set xtics (X_TIC_TEXT[1] X_TIC[1])
do for [k = 2:X_TICS] { set xtics add (X_TIC_TEXT[k] X_TIC[k]) }

piece(k, c) = column('color') == k ? column(c) : NaN
plot for [k = 1:2] $RANGES using (piece(k, 'from')):'top': \
    (piece(k, 'from')):(piece(k, 'to')):'top':'bottom' \
    with boxxyerror fillstyle solid 1.0 border rgb '#FFFFFF' lc rgb COLOR[k] lw 0.5
