# Usage: Rscript model_matrices.R DIRECTORY fixed|random
# Reads a data frame (one file a column, numbers in hexadecimal) and formulas (one a line), and
# writes what R and lme4 make of them to answers.txt: lines "key<TAB>value<TAB>value...".
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]
task <- args[2]
read <- function(name) readLines(file.path(folder, name), encoding = "UTF-8")

unescape <- function(s) {
  # Column names come as code points, so that no quoting is needed.
  vapply(strsplit(s, " "), function(p) intToUtf8(as.integer(p)), "")
}

spec <- strsplit(read("columns.txt"), "\t")
data <- lapply(seq_along(spec), function(i) {
  values <- read(sprintf("column%03d.txt", i))
  values[values == "NA"] <- NA
  kind <- spec[[i]][1]
  if (kind == "double") return(as.double(values))
  if (kind == "integer") return(as.integer(values))
  if (kind == "logical") return(as.logical(values))
  levels <- unescape(read(sprintf("levels%03d.txt", i)))
  factor(as.integer(values), levels = seq_along(levels), labels = levels,
         ordered = kind == "ordered")
})
names(data) <- vapply(spec, function(s) unescape(s[2]), "")
data <- structure(data, class = "data.frame", row.names = seq_along(data[[1]]))

out <- file(file.path(folder, "answers.txt"), open = "w", encoding = "UTF-8")
say <- function(...) writeLines(paste(c(...), collapse = "\t"), out, useBytes = TRUE)
hex <- function(x) sprintf("%a", x)

if (task == "random") suppressMessages(library(lme4))
control <- if (task == "random") lmerControl(
  check.nobs.vs.rankZ = "ignore", check.nobs.vs.nlev = "ignore", check.nlev.gtreq.5 = "ignore",
  check.nlev.gtr.1 = "ignore", check.nobs.vs.nRE = "ignore", check.rankX = "ignore",
  check.scaleX = "ignore", check.formula.LHS = "ignore"
)

fixed <- function(formula) {
  frame <- model.frame(formula, data, drop.unused.levels = TRUE)
  say("rows", rownames(frame))
  say("y", hex(as.double(model.response(frame))))
  offset <- model.offset(frame)
  say("offset", hex(if (is.null(offset)) rep(0, nrow(frame)) else as.double(offset)))
  X <- model.matrix(formula, frame)
  say("names", colnames(X))
  say("labels", attr(terms(formula), "term.labels"))
  say("assign", attr(X, "assign"))
  say("X", hex(X))
}

random <- function(formula) {
  parsed <- lFormula(formula, data, control = control)
  say("rows", rownames(parsed$fr))
  say("names", colnames(parsed$X))
  say("X", hex(parsed$X))
  terms <- parsed$reTrms
  say("groups", names(terms$flist))
  for (i in seq_along(terms$flist)) say("levels", levels(terms$flist[[i]]))
  for (i in seq_along(terms$cnms)) say("term", names(terms$cnms)[i], terms$cnms[[i]])
  Zt <- as(terms$Zt, "TsparseMatrix")
  keep <- Zt@x != 0
  say("dim", dim(Zt))
  say("i", Zt@i[keep])
  say("j", Zt@j[keep])
  say("z", hex(Zt@x[keep]))
}

for (line in read("formulas.txt")) {
  text <- unescape(line)
  say("formula", line)
  tryCatch(
    suppressWarnings(suppressMessages(get(task)(as.formula(text)))),
    error = function(e) say("error", gsub("[\n\t]", " ", conditionMessage(e)))
  )
}
close(out)
