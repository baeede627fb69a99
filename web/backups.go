package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/tributary-data/tributary/event"
)

// Backup is a copy of the state as of one commit, in a directory at the server.
type Backup struct {
	Name  string
	Path  string
	At    time.Time
	Bytes int64 // of its files; those that the state still has too take no room
}

// BackupOf is the commit that a backup holds.
type BackupOf struct{ Epoch, Commit uint64 }

// Backups makes copies of the running state. Any goroutine may use it.
type Backups interface {
	// Make fails with ErrBackupExists, and with ErrBusy while another is made.
	Make(name string) (*Backup, BackupOf, error)
	// List has the oldest first.
	List() ([]Backup, error)
}

// ErrBackupExists says that a name is taken.
var ErrBackupExists = errors.New("there is a backup of that name")

// MakeBackups lets those with the scope admin take backups. It is called before
// Serve.
func (s *Server) MakeBackups(b Backups) { s.backups = b }

// backupName keeps names within the directory, and readable.
var backupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (s *Server) backupRoutes() []*route {
	return []*route{
		{
			method: http.MethodGet, path: "/v1/backups", id: "listBackups", schema: "Backups", handle: (*Server).listBackups, volatile: true,
			summary: "The backups in the server's directory for them, oldest first",
		},
		{
			method: http.MethodPost, path: "/v1/backups", id: "createBackup", schema: "Backup", body: "BackupRequest", raw: s.createBackup,
			summary: "Copy the state as of one commit to a directory at the server, while it runs; answers once that is on disk",
			desc:    "The copy is made of hard links where the file system has them, and holds the room of what the state has thrown away since. tributary state restore makes a data directory of it.",
		},
	}
}

func (s *Server) noBackups() error {
	if s.backups == nil {
		return newProblem(http.StatusServiceUnavailable, "not_possible", "this server makes no backups; use 'tributary state backup' on its directory")
	}
	return nil
}

func (b *Backup) fields() obj {
	return obj{{"name", b.Name}, {"path", b.Path}, {"at", event.Millis(b.At.UnixMilli()).String()}, {"bytes", b.Bytes}}
}

func (s *Server) listBackups(*query) (*answer, error) {
	if err := s.noBackups(); err != nil {
		return nil, err
	}
	all, err := s.backups.List()
	if err != nil {
		return nil, err
	}
	rows := make([]obj, 0, len(all))
	for i := range all {
		rows = append(rows, all[i].fields())
	}
	return &answer{body: obj{{"data", rows}}, rows: rows, blank: (&Backup{}).fields()}, nil
}

func (s *Server) createBackup(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPersonBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || !backupName.MatchString(in.Name) {
		newProblem(http.StatusBadRequest, "bad_name", `the body must be {"name":"NAME"}, a name of 1 to 64 letters, digits, ".", "_" and "-" that begins with a letter or a digit`).write(w, r)
		return
	}
	if err := s.noBackups(); err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	// Where there are no hard links everything is copied, which takes its time.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{})
	_ = control.SetReadDeadline(time.Time{})
	b, at, err := s.backups.Make(in.Name)
	if err != nil {
		s.audit(r, "backup", "failed", map[string]any{"name": in.Name})
		switch {
		case errors.Is(err, ErrBackupExists):
			err = newProblem(http.StatusConflict, "exists", err.Error()+"; choose another, or remove its directory")
		case errors.Is(err, ErrBusy):
			err = newProblem(http.StatusTooManyRequests, "busy", "another backup is being made").after(10 * time.Second)
		}
		s.fail(r.Context(), w, r, err)
		return
	}
	s.audit(r, "backup", "ok", map[string]any{"name": in.Name, "epoch": at.Epoch, "commit": at.Commit})
	a := &answer{status: http.StatusOK, body: obj{{"data", append(b.fields(), field{"epoch", at.Epoch}, field{"commit", at.Commit})}}}
	a.encode(mediaJSON).write(w, r)
}
