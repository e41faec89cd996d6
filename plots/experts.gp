# SPDX-License-Identifier: GPL-3.0-or-later
# Load of every rank in every layer, from experts.csv: load_ratio as colour, rank to the right,
# layer downwards. Panel p is one deployment, its rows those with ROW_PANEL p.
set lmargin at screen LEFT
set rmargin at screen RIGHT
set tmargin at screen TOP[p]
set bmargin at screen BOTTOM[p]
set xrange [-0.5:RANKS[p] - 0.5]
set yrange [LAYERS[p] + 0.5:0.5]
unset grid
set xtics autofreq
set ytics autofreq
# blue: idle, pale: the mean, orange to dark red: overloaded
set palette defined (0 '#2B6CB0', 0.7 '#A9CCE3', 1 '#F4F4F4', \
                     1 + 0.25 * (C_HI - 1) '#F5B971', 1 + 0.6 * (C_HI - 1) '#D9541E', C_HI '#6B0F0F')
set cbrange [0:C_HI]
set colorbox user origin screen KEY_LEFT,KEY_BOTTOM size screen KEY_WIDTH,KEY_HEIGHT noborder
set cbtics scale 0 textcolor rgb '#444444' font ',11'
mine(n) = ROW_PANEL[int(n) + 1] == p
x(n) = mine(n) ? column('rank') : NaN
y(n) = mine(n) ? column('layer') : NaN
plot CSV using (x(column(0))):(y(column(0))): \
    (column('rank') - 0.5):(column('rank') + 0.5):(column('layer') - 0.5):(column('layer') + 0.5): \
    (column('load_ratio')) with boxxyerror fillstyle solid 1.0 noborder fillcolor palette
unset label
unset arrow
