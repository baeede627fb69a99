package oracle

// RunWithStatusOf looks only at records that may restate; for tests of larger
// histories.
var RunWithStatusOf = runWithStatus
