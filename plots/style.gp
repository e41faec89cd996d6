# SPDX-License-Identifier: GPL-3.0-or-later
# Looks shared by all charts. Colours: Okabe and Ito (2008), which colour-blind readers can tell
# apart; markers and dashes differ as well, so a grey print still works.
# In the charts of a plan 1 is the self-hosted side, 2 the managed one and 3 the demand, which
# is of neither; kinds of GPU take styles from 4 on, the ends of an input greys.
set datafile separator comma
set datafile commentschars ''
set datafile missing NaN
set datafile columnheaders
unset key
set border 0
set tics scale 0 textcolor rgb '#444444' font ',11'
set grid noxtics ytics back lt 1 lc rgb '#E4E4E4' lw 1 dt solid

set style line  1 lc rgb '#0072B2' lw 2 pt 7  ps 0.7 dt 1
set style line  2 lc rgb '#D55E00' lw 2 pt 5  ps 0.6 dt 1
set style line  3 lc rgb '#009E73' lw 2 pt 9  ps 0.8 dt 1
set style line  4 lc rgb '#CC79A7' lw 2 pt 13 ps 0.8 dt (8,4)
set style line  5 lc rgb '#E69F00' lw 2 pt 11 ps 0.8 dt (8,4)
set style line  6 lc rgb '#56B4E9' lw 2 pt 6  ps 0.8 dt 1
set style line  7 lc rgb '#000000' lw 2 pt 4  ps 0.7 dt (3,3)
set style line  8 lc rgb '#808080' lw 2 pt 8  ps 0.8 dt 1
set style line  9 lc rgb '#0072B2' lw 2 pt 12 ps 0.8 dt (3,3)
set style line 10 lc rgb '#D55E00' lw 2 pt 10 ps 0.8 dt (3,3)
set style line 11 lc rgb '#009E73' lw 2 pt 6  ps 0.7 dt (8,3,2,3)
set style line 13 lc rgb '#8C510A' lw 2 pt 14 ps 0.8 dt (8,3,2,3)
set style line 14 lc rgb '#6A3D9A' lw 2 pt 12 ps 0.8 dt (3,3)
set style line 12 lc rgb '#CC79A7' lw 2 pt 4  ps 0.7 dt (8,3,2,3)
