package configs

import (
	"errors"

	"github.com/tributary-data/tributary/internal/auth"
)

// authFaults lists what is wrong with the section auth. Its secrets may stand in
// the environment or in files of their own, not in a file that is shown around.
func authFaults(a *auth.Config, origins *Origins) []error {
	faults := a.Validate()
	if at := origins.Of("auth.oidc.client_secret"); a != nil && a.OIDC != nil && a.OIDC.ClientSecret != "" && at.Env == "" {
		faults = append(faults, errors.New("oidc.client_secret: a secret may not stand here; set TRIBUTARY_AUTH_OIDC_CLIENT_SECRET, or name a file as auth.oidc.client_secret_file"))
	}
	return faults
}
