package cli

import (
	"context"
	"errors"
)

// errNotBuilt answers commands whose work is not in this build yet.
var errNotBuilt = errors.New("this command is not part of this build yet")

