package service

import (
	"log/slog"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/internal/auth"
)

// openDoor makes the door that requests come through. Without a section auth
// there is none, and nobody beyond this machine may reach the program.
func openDoor(cfg *configs.Config, log *slog.Logger) (*auth.Door, error) {
	if cfg.Auth == nil {
		if !cfg.Server.Local() {
			return nil, &configs.Error{Faults: []configs.Fault{{
				Key:     "server.listen",
				Message: cfg.Server.Listen + " can be reached from beyond this machine, and nothing asks who calls",
				Hint:    "add a section auth (auth: {session: 12h}) and make keys with 'tributary key create', or listen on 127.0.0.1",
			}}}
		}
		return nil, nil //nolint:nilnil // no door is an answer: everything is open
	}
	d, err := auth.Open(cfg.Auth, cfg.State.Dir, log)
	if err != nil {
		return nil, &configs.Error{Faults: []configs.Fault{{Key: "auth.keys_file", Message: err.Error()}}}
	}
	if d.Keys.Count() == 0 && !d.HasOIDC() {
		log.Warn("nobody can log in: there is no key; make one with 'tributary key create --name admin --scope admin'", slog.String("keys", d.Keys.Path()))
	}
	log.Info("requests need a key or a login", slog.String("keys", d.Keys.Path()), slog.String("audit_log", d.Audit.Path()), slog.Int("valid_keys", d.Keys.Count()))
	return d, nil
}
