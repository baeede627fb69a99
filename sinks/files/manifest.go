package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
)

const (
	manifestName    = "manifest.json"
	manifestVersion = 1
)

// Manifest says what a sink's directory holds. It is replaced last, so a
// reader who wants one consistent commit reads it, the files, and it again: if
// it did not change in between, the files are of its commit.
type Manifest struct {
	Version   int    `json:"version"`
	Epoch     uint32 `json:"epoch"`
	Commit    uint64 `json:"commit"`
	Watermark string `json:"watermark"` // RFC 3339; empty before the first event
	Format    Format `json:"format"`
	// Owner is the epoch of who has begun to write everything anew; 0 when that
	// is done.
	Owner uint32 `json:"owner,omitempty"`
	// Changes says from where the change feed has no gap; nil without a feed.
	Changes *Since         `json:"changes,omitempty"`
	Files   []ManifestFile `json:"files"` // in the order of the contract's tables, then of partitions
}

// ManifestFile is one partition file. A partition without rows has none.
type ManifestFile struct {
	Table  string `json:"table"`
	Name   string `json:"name"` // relative to the directory, with "/"
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Version is the ETag or generation of the object; empty in a directory.
	Version string `json:"version,omitempty"`
	// Sums adds up the columns of counts, shares and money by currency (by ""
	// in tables that have none), exactly.
	Sums map[string]map[string]int64 `json:"sums"`
}

// Since is a commit.
type Since struct {
	Epoch  uint32 `json:"epoch"`
	Commit uint64 `json:"commit"`
}

// owner is the greatest epoch that writes, or has begun to.
func (m *Manifest) owner() uint32 { return max(m.Owner, m.Epoch) }

func (m *Manifest) progress() sinks.Progress {
	return sinks.Progress{Epoch: m.Epoch, Commit: m.Commit, Watermark: parseWatermark(m.Watermark)}
}

func parseWatermark(s string) event.Millis {
	if t, err := parseTime(s); err == nil {
		return t
	}
	return event.NoTime
}

// readManifest gives nil where there is none, or none that can be read: then
// the directory is written anew.
func readManifest(dir string) (*Manifest, error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", filepath.Join(dir, manifestName), err)
	}
	return parseManifest(raw), nil
}

func parseManifest(raw []byte) *Manifest {
	var m Manifest
	if json.Unmarshal(raw, &m) != nil || m.Version != manifestVersion {
		return nil // see readManifest
	}
	return &m
}
