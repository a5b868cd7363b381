# One engine, one task, one survey: prints value, seconds and peak memory. Called by survey.py:
# Rscript survey_worker.R ENGINE TASK ANSWERS REPEATS
words <- commandArgs(TRUE)
task <- words[2]
names <- c("school", "wave", "start", paste0("q", 1:18))
raw <- readBin(words[3], "integer", file.info(words[3])$size / 4, size = 4, endian = "little")
data <- as.data.frame(matrix(raw, ncol = length(names), dimnames = list(NULL, names)))
rm(raw)
items <- names[-(1:3)]
data$score <- rowMeans(data[, items])
data$later <- as.numeric(data$wave == 2020)
data$treated <- data$later * (data$start > 0)
suppressMessages(library(words[1], character.only = TRUE))
suppressMessages(if (words[1] == "lavaan") library(semTools))
one <- paste("f =~", paste(items, collapse = " + "))

fit_one <- function() lavaan::cfa(one, data = data, ordered = items, std.lv = TRUE, estimator = "WLSMV")

ladder <- function() {
  for (equal in list("", "thresholds", c("thresholds", "loadings"))) {
    syntax <- semTools::measEq.syntax(one, data = data, ordered = items, parameterization = "delta",
      ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = "wave", group.equal = equal)
    fit <- lavaan::cfa(as.character(syntax), data = data, group = "wave", ordered = items,
      parameterization = "delta", estimator = "WLSMV")
  }
  lavaan::fitMeasures(fit, "chisq.scaled")
}

answer <- function() {
  if (task == "alpha") return(c(psych::alpha(data[, items], warnings = FALSE)$total$raw_alpha, NA))
  if (task == "ordinal factor model") return(c(lavaan::fitMeasures(fit_one(), "chisq.scaled"), NA))
  if (task == "omega") return(c(semTools::compRelSEM(fit_one(), ord.scale = TRUE), NA))
  if (task == "invariance over two waves") return(c(ladder(), NA))
  if (task == "percent favorable") {
    told <- transform(data, favorable = as.numeric(q1 >= 3))
    design <- survey::svydesign(~school, weights = ~1, data = told)
    found <- survey::svyciprop(~favorable, design, method = "beta")
    return(100 * c(found, survey::SE(found)))
  }
  fit <- lm(score ~ treated + later + factor(school), data = data)
  found <- clubSandwich::coef_test(fit, vcov = "CR2", cluster = data$school, coefs = "treated")
  c(found$beta, found$SE)
}

seconds <- c()
for (round in 0:as.integer(words[4])) {
  started <- proc.time()[["elapsed"]]
  found <- as.numeric(answer())
  seconds <- c(seconds, proc.time()[["elapsed"]] - started)
}
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", grep("VmHWM", status, value = TRUE))) / 1024
se <- if (is.na(found[2])) "null" else sprintf("%.17g", found[2])
cat(sprintf('{"value": %.17g, "se": %s, "seconds": [%s], "peak_mb": %.1f}\n',
  found[1], se, paste(sprintf("%.4f", seconds[-1]), collapse = ", "), peak))
