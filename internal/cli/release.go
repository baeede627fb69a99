package cli

// release is the version of a released build; the linker sets it. Without, the
// version is what Go knows of the module.
var release string
