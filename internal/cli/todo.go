package cli

import (
	"context"
	"errors"
)

// errNotBuilt answers commands whose work is not in this build yet.
var errNotBuilt = errors.New("this command is not part of this build yet")

func runGenerate(context.Context, *Env, generateOptions) error    { return errNotBuilt }
func runVerify(context.Context, *Env, verifyOptions) error        { return errNotBuilt }
func runExport(context.Context, *Env, exportOptions) error        { return errNotBuilt }
func runReconcile(context.Context, *Env, reconcileOptions) error  { return errNotBuilt }
func runExplain(context.Context, *Env, explainOptions) error      { return errNotBuilt }
func runStateInspect(context.Context, *Env, dataOptions) error    { return errNotBuilt }
func runStateVerify(context.Context, *Env, dataOptions) error     { return errNotBuilt }
func runStateBackup(context.Context, *Env, backupOptions) error   { return errNotBuilt }
func runStateRestore(context.Context, *Env, backupOptions) error  { return errNotBuilt }
func runStatePlan(context.Context, *Env, planOptions) error       { return errNotBuilt }
func runFraudRejudge(context.Context, *Env, rejudgeOptions) error { return errNotBuilt }
