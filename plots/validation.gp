# SPDX-License-Identifier: GPL-3.0-or-later
# Predicted against measured, from residuals.csv: metric engine hardware measured predicted.
# Panel p shows the measure MEASURE[p] with colours by engine (BY 1) or GPU (BY 2).
set lmargin at screen LEFT[p]
set rmargin at screen RIGHT[p]
set tmargin at screen TOP[p]
set bmargin at screen BOTTOM[p]
k = int(MEASURE[p])
set xrange [LO[k]:HI[k]]
set yrange [LO[k]:HI[k]]
set logscale xy
set border 3 lc rgb '#888888'
set grid xtics ytics
first = int(TIC_FIRST[k])
set xtics scale 0.5 nomirror (TIC_TEXT[first] TIC[first])
set ytics scale 0.5 nomirror (TIC_TEXT[first] TIC[first])
do for [j = first + 1:int(TIC_FIRST[k + 1]) - 1] {
    set xtics add (TIC_TEXT[j] TIC[j])
    set ytics add (TIC_TEXT[j] TIC[j])
}
label_of(r) = BY[p] == 1 ? ROW_ENGINE[r] : ROW_HARDWARE[r]
drawn(r, i) = ROW_MEASURE[r] == k && label_of(r) == i
plot x with lines lc rgb '#666666' lw 1 dt 1, \
     1.2 * x with lines lc rgb '#AAAAAA' lw 1 dt (4,4), \
     x / 1.2 with lines lc rgb '#AAAAAA' lw 1 dt (4,4), \
     for [i = 1:int(LABELS[int(BY[p])])] CSV \
         using (drawn(int(column(0)) + 1, i) ? column('measured') : NaN):(column('predicted')) \
         with points ls i ps 0.45
unset label
unset arrow
