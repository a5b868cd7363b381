"""The colors of every figure and drawing."""

INK, SOFT, FAINT, SHADE = "#1a2530", "#56636f", "#c9d0d6", "#eceff2"
BLUE, ORANGE = "#0b5683", "#b04a00"
AGAINST, MIDDLE, FAVOR = ("#a84600", "#e79a52", "#f6d2ae"), "#dfe3e6", ("#c3dbea", "#6aa5cb", "#0b5683")
