# SPDX-License-Identifier: GPL-3.0-or-later
# Panel p of a chart of lines: frame, tics, band and one line per deployment. The chart's own
# file defines x_value(), the x of the row being read. What stands at a fixed place (names,
# limits, crosses) was set before as labels and arrows, for this panel only.
set lmargin at screen LEFT
set rmargin at screen RIGHT
set tmargin at screen TOP[p]
set bmargin at screen BOTTOM[p]
set xrange [X_LO:X_HI]
set yrange [Y_LO[p]:Y_HI[p]]
if (X_LOG) { set logscale x }
if (Y_LOG[p]) { set logscale y } else { unset logscale y }
set border 1 lc rgb '#888888'

set ytics (Y_TIC_TEXT[int(Y_FIRST[p])] Y_TIC[int(Y_FIRST[p])])
do for [k = int(Y_FIRST[p]) + 1:int(Y_FIRST[p + 1]) - 1] { set ytics add (Y_TIC_TEXT[k] Y_TIC[k]) }
set xtics scale 0.5 nomirror (X_TIC_TEXT[1] X_TIC[1])
do for [k = 1:X_TICS] { set xtics add ((p == PANELS ? X_TIC_TEXT[k] : '') X_TIC[k]) }

drawn(i) = ROW_LINE[int(column(0)) + 1] == i
y_value(i) = drawn(i) ? column(Y_COLUMN[p]) : NaN
edge(i, suffix) = drawn(i) && BAND[p] ? column(Y_COLUMN[p].suffix) : NaN

plot for [i = 1:(BAND[p] ? LINES : 0)] CSV \
         using (x_value(0)):(edge(i, '_band_lo')):(edge(i, '_band_hi')) \
         with filledcurves ls i fillstyle transparent solid (LINES > 4 ? 0.08 : 0.14) noborder, \
     for [i = 1:LINES] CSV using (x_value(0)):(y_value(i)) \
         with linespoints ls i pointinterval MARK_EVERY
unset label
unset arrow
