# SPDX-License-Identifier: GPL-3.0-or-later
# Stacked horizontal bars: one per row of the table, the parts named by PART[1..PARTS] in order.
set lmargin at screen LEFT
set rmargin at screen RIGHT
set tmargin at screen TOP
set bmargin at screen BOTTOM
set xrange [0:X_HI]
set yrange [BARS + 0.5:0.5]
unset ytics
set grid xtics noytics
set xtics (X_TIC_TEXT[1] X_TIC[1])
do for [k = 2:X_TICS] { set xtics add (X_TIC_TEXT[k] X_TIC[k]) }

row(n) = ROW_BAR[int(n) + 1]
middle(n) = row(n) > 0 ? row(n) : NaN

plot for [k = 1:PARTS] CSV using (0):(middle(column(0))): \
    (sum [j = 1:k - 1] column(PART[j])):(sum [j = 1:k] column(PART[j])): \
    (middle(column(0)) - BAR_HALF):(middle(column(0)) + BAR_HALF) \
    with boxxyerror fillstyle solid 1.0 border rgb '#FFFFFF' lc rgb PART_COLOR[k] lw 0.5
