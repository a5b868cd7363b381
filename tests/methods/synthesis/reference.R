# Reference numbers from R metafor: Rscript tests/methods/synthesis/reference.R > tests/methods/synthesis/reference.txt
# The vaccine trials are metafor's dat.bcg (Colditz and others 1994), the other studies are invented.
suppressMessages(library(metafor))
options(digits = 15)
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  bcg = data.frame(y = as.numeric(bcg$yi), v = as.numeric(bcg$vi), group = ifelse(bcg$alloc == "random", "random", "other")),
  five = data.frame(y = c(-2.1, -0.4, -3.6, 0.8, -1.9), v = c(0.9, 1.1, 0.7, 1.4, 1.0)^2, group = c("a", "a", "b", "b", "b")),
  alike = data.frame(y = c(-1.0, -1.2, -0.7, -1.1), v = c(0.6, 0.5, 0.8, 0.7)^2, group = c("a", "a", "b", "b")))
say <- function(set, name, value) cat(set, name, format(value, digits = 15), sep = ","); end <- function() cat("\n")
tell <- function(set, values) for (name in names(values)) { say(set, name, values[[name]]); end() }
cat("set,name,value\n")
for (set in names(sets)) {
  d <- sets[[set]]
  for (i in seq_len(nrow(d))) tell(set, setNames(as.list(d[i, c("y", "v")]), paste0(c("y", "v"), i)))
  cat(paste0(set, ",group", seq_len(nrow(d)), ",", d$group, "\n"), sep = "")
  m <- rma(y, v, data = d, method = "PM", test = "adhoc", control = list(tol = 1e-14, maxiter = 10000))
  b <- confint(m, control = list(tol = 1e-14))$random
  p <- predict(m)
  tell(set, list(mean = m$beta[1], se = m$se, low = m$ci.lb, high = m$ci.ub, p = m$pval, tau2 = m$tau2, i2 = m$I2,
                 q = m$QE, qp = m$QEp, tau2_low = b["tau^2", 2], tau2_high = b["tau^2", 3], i2_low = b["I^2(%)", 2],
                 i2_high = b["I^2(%)", 3], pi_low = p$pi.lb, pi_high = p$pi.ub))
  f <- rma(y, v, data = d, method = "EE"); dl <- rma(y, v, data = d, method = "DL")
  tell(set, list(common = f$beta[1], common_se = f$se, dl = dl$beta[1], dl_se = dl$se, dl_tau2 = dl$tau2))
  g <- rma(y, v, mods = ~ 0 + group, data = d, method = "PM", test = "adhoc", control = list(tol = 1e-14, maxiter = 10000))
  for (i in seq_along(g$beta)) tell(set, setNames(list(g$beta[i], g$se[i], g$ci.lb[i]), paste0(c("by", "by_se", "by_low"), i)))
  e <- lm(y ~ sqrt(v), weights = 1 / v, data = d)
  tell(set, list(slope = coef(e)[[2]], slope_se = summary(e)$coefficients[2, 2]))
}
