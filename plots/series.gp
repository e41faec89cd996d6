# SPDX-License-Identifier: GPL-3.0-or-later
# Panel p of a chart of a plan: frame, tics, bands, lines and points. The program put the
# numbers, read by column name from the table, into $SERIES: line, x, y, lo, hi. Names and marks
# at fixed places were set before as labels and arrows, for this panel only.
set lmargin at screen LEFT
set rmargin at screen RIGHT
set tmargin at screen TOP[p]
set bmargin at screen BOTTOM[p]
eval sprintf("Y_LO = Y%d_LO; Y_HI = Y%d_HI; Y_LOG = Y%d_LOG; Y_TICS = Y%d_TICS", p, p, p, p)
set xrange [X_LO:X_HI]
set yrange [Y_LO:Y_HI]
if (X_LOG) { set logscale x }
if (Y_LOG) { set logscale y } else { unset logscale y }
set border 1 lc rgb '#888888'
eval sprintf("set ytics (Y%d_TIC_TEXT[1] Y%d_TIC[1])", p, p)
do for [k = 1:Y_TICS] { eval sprintf("set ytics add (Y%d_TIC_TEXT[%d] Y%d_TIC[%d])", p, k, p, k) }
set xtics scale 0.5 nomirror (X_TIC_TEXT[1] X_TIC[1])
do for [k = 1:X_TICS] { set xtics add ((p == PANELS ? X_TIC_TEXT[k] : '') X_TIC[k]) }

A = int(FIRST[p])
B = int(FIRST[p + 1]) - 1
if (B < A) { A = 1; B = 1 }
of_line(i, c) = column('line') == i ? column(c) : NaN
joined(i, c) = JOINED[i] ? of_line(i, c) : NaN
alone(i, c) = JOINED[i] ? NaN : of_line(i, c)
plot for [i = A:B] $SERIES using 'x':(of_line(i, 'lo')):(of_line(i, 'hi')) \
         with filledcurves ls int(STYLE[i]) fillstyle transparent solid 0.16 noborder, \
     for [i = A:B] $SERIES using 'x':(joined(i, 'y')) \
         with linespoints ls int(STYLE[i]) pointinterval int(MARK_EVERY[i]), \
     for [i = A:B] $SERIES using 'x':(alone(i, 'y')) with points ls int(STYLE[i]) ps 1.2
unset label
unset arrow
