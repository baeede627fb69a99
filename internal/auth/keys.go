package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Prefix begins every key, so that scanners of repositories find lost ones.
const Prefix = "trb_"

// keyBytes is the length of a key's random part.
const keyBytes = 32

// maxKeysFile bounds what is read; a thousand keys take about 300 KB.
const maxKeysFile = 8 << 20

// Key is an API key as it is stored.
type Key struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Scopes   []string  `json:"scopes"`
	Hash     string    `json:"hash,omitempty"` // SHA-256, hex
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
	LastUsed time.Time `json:"last_used,omitzero"`
}

// Expired says whether the key is of no use any more.
func (k *Key) Expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// keysFile is what the file holds.
type keysFile struct {
	Version int `json:"version"`
	// Pseudonym keys the hashes that stand for persons, so that nobody can try
	// out addresses against them.
	Pseudonym []byte `json:"pseudonym_key"`
	Keys      []*Key `json:"keys"`
}

const keysVersion = 1

// Keys are the keys of a file that programs share: this one and the commands
// that make and revoke keys. Any goroutine may use it.
type Keys struct {
	path string
	now  func() time.Time

	mu struct {
		sync.Mutex
		looked time.Time // when the file was last looked at
		stamp  stamp
		file   keysFile
		byHash map[[32]byte]*Key
		used   map[string]time.Time // by id, not yet in the file
		saved  time.Time
		fault  error // of the last reading
	}
}

// stamp says whether a file has changed.
type stamp struct {
	mod  time.Time
	size int64
	ino  uint64
}

// How often the file is looked at, and how often last uses are written.
const (
	lookEvery = 500 * time.Millisecond
	saveEvery = time.Minute
)

// Errors of the keys.
var (
	ErrNoKey  = errors.New("there is no such key")
	ErrExists = errors.New("there is a key of that name")
)

// OpenKeys reads the keys, making the file when there is none.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path, now: time.Now}
	k.mu.used = map[string]time.Time{}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := k.change(func(*keysFile) error { return nil }); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	return k, k.mu.fault
}

// Path is where the keys lie.
func (k *Keys) Path() string { return k.path }

// Create makes a key and returns it with the only copy of its text.
func (k *Keys) Create(name string, scopes Scope, expires time.Time) (*Key, string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return nil, "", errors.New("a key's name has 1 to 64 characters, none of them a control character")
	case scopes == 0:
		return nil, "", errors.New("a key needs a scope: " + strings.Join(scopeNames, ", "))
	}
	raw := make([]byte, keyBytes)
	_, _ = rand.Read(raw) // it never fails: it would end the program
	text := Prefix + base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(text))
	now := k.now().UTC().Truncate(time.Second)
	key := &Key{
		ID: "k_" + hex.EncodeToString(sum[:5]), Name: name, Scopes: scopes.Names(), Hash: hex.EncodeToString(sum[:]),
		Created: now, Expires: expires,
	}
	err := k.change(func(f *keysFile) error {
		for _, o := range f.Keys {
			if o.Name == name && !o.Expired(now) {
				return fmt.Errorf("%w: %s", ErrExists, name)
			}
		}
		f.Keys = append(f.Keys, key)
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return key, text, nil
}

// Revoke takes a key away, by its id or name.
func (k *Keys) Revoke(which string) (*Key, error) {
	var gone *Key
	return gone, k.change(func(f *keysFile) error {
		i := slices.IndexFunc(f.Keys, func(o *Key) bool { return o.ID == which })
		if i < 0 {
			for j, o := range f.Keys {
				if o.Name != which {
					continue
				}
				if i >= 0 {
					return fmt.Errorf("several keys have the name %s; give the id", which)
				}
				i = j
			}
		}
		if i < 0 {
			return fmt.Errorf("%w: %s", ErrNoKey, which)
		}
		gone = f.Keys[i]
		f.Keys = slices.Delete(f.Keys, i, i+1)
		return nil
	})
}

// List gives the keys, oldest first.
func (k *Keys) List() ([]Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.looked = time.Time{}
	k.look()
	out := make([]Key, 0, len(k.mu.file.Keys))
	for _, o := range k.mu.file.Keys {
		c := *o
		if t := k.mu.used[o.ID]; t.After(c.LastUsed) {
			c.LastUsed = t
		}
		out = append(out, c)
	}
	return out, k.mu.fault
}

// Find looks a key's text up. Its hash is looked for, not compared byte by
// byte: how long that takes says nothing of the keys that there are.
func (k *Keys) Find(text string) (Principal, bool) {
	if !strings.HasPrefix(text, Prefix) || len(text) > 128 {
		return Principal{}, false
	}
	sum := sha256.Sum256([]byte(text))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	key := k.mu.byHash[sum]
	return k.principalLocked(key)
}

// ByID gives what the key with an id permits now.
func (k *Keys) ByID(id string) (Principal, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	for _, key := range k.mu.file.Keys {
		if key.ID == id {
			return k.principalLocked(key)
		}
	}
	return Principal{}, false
}

func (k *Keys) principalLocked(key *Key) (Principal, bool) {
	now := k.now()
	if key == nil || key.Expired(now) {
		return Principal{}, false
	}
	scopes, err := ParseScopes(key.Scopes)
	if err != nil {
		return Principal{}, false // a scope of a later version: nothing is safer
	}
	k.mu.used[key.ID] = now.UTC().Truncate(time.Second)
	return Principal{ID: key.ID, Name: key.Name, Via: "key", Scopes: scopes}, true
}

// Count says how many keys let somebody in now.
func (k *Keys) Count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	n := 0
	for _, key := range k.mu.file.Keys {
		if !key.Expired(k.now()) {
			n++
		}
	}
	return n
}

// Pseudonym stands for a person in answers to those who may not see persons:
// always the same for one person, and of no use to find the person by.
func (k *Keys) Pseudonym(person string) string {
	k.mu.Lock()
	secret := k.mu.file.Pseudonym
	k.mu.Unlock()
	m := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(m, person) // a hash takes everything
	return "p:" + hex.EncodeToString(m.Sum(nil)[:10])
}

// Fault is what keeps the file from being read, nil when nothing does.
func (k *Keys) Fault() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.fault
}

// Save writes the times of last use, when it is time to or now is forced.
func (k *Keys) Save(force bool) error {
	k.mu.Lock()
	if len(k.mu.used) == 0 || !force && k.now().Sub(k.mu.saved) < saveEvery {
		k.mu.Unlock()
		return nil
	}
	used := k.mu.used
	k.mu.used, k.mu.saved = map[string]time.Time{}, k.now()
	k.mu.Unlock()
	return k.change(func(f *keysFile) error {
		for _, key := range f.Keys {
			if t := used[key.ID]; t.After(key.LastUsed) {
				key.LastUsed = t
			}
		}
		return nil
	})
}

// look reads the file again when it has changed. What was read before stays
// when it cannot be; a file that is gone holds no keys.
func (k *Keys) look() {
	now := k.now()
	if now.Sub(k.mu.looked) < lookEvery && !k.mu.looked.After(now) {
		return
	}
	k.mu.looked = now
	info, err := os.Stat(k.path)
	if err == nil {
		s := stampOf(info)
		if s == k.mu.stamp && k.mu.fault == nil {
			return
		}
		var f keysFile
		if f, err = readKeys(k.path); err == nil {
			k.takeLocked(f)
			k.mu.stamp = s
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		k.mu.file.Keys, k.mu.byHash, k.mu.stamp = nil, nil, stamp{}
	}
	k.mu.fault = err
}

func (k *Keys) takeLocked(f keysFile) {
	k.mu.file = f
	k.mu.byHash = make(map[[32]byte]*Key, len(f.Keys))
	for _, key := range f.Keys {
		var sum [32]byte
		if n, err := hex.Decode(sum[:], []byte(key.Hash)); err == nil && n == len(sum) {
			k.mu.byHash[sum] = key
		}
	}
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{mod: info.ModTime(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ino = sys.Ino
	}
	return s
}

func readKeys(path string) (keysFile, error) {
	var f keysFile
	in, err := os.Open(path)
	if err != nil {
		return f, fmt.Errorf("read the keys: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(in, maxKeysFile+1))
	if err := errors.Join(err, in.Close()); err != nil {
		return f, fmt.Errorf("read the keys: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&f); err != nil || len(b) > maxKeysFile {
		return f, fmt.Errorf("the keys in %s are damaged; put the file back from a backup, or remove it and make new keys", path)
	}
	if f.Version != keysVersion || len(f.Pseudonym) < keyBytes {
		return f, fmt.Errorf("the keys in %s are of version %d; this program reads %d", path, f.Version, keysVersion)
	}
	return f, nil
}

// change reads, changes and replaces the file while no other program does. The
// lock is on a file of its own, because the other is replaced.
func (k *Keys) change(fn func(*keysFile) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o755); err != nil {
		return fmt.Errorf("make a place for the keys: %w", err)
	}
	lock, err := os.OpenFile(k.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the keys: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock the keys: %w", err)
	}
	f, err := readKeys(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = keysFile{Version: keysVersion, Pseudonym: make([]byte, keyBytes)}, nil
		_, _ = rand.Read(f.Pseudonym) // it never fails
	}
	if err != nil {
		return err
	}
	if err := fn(&f); err != nil {
		return err
	}
	b, err := json.MarshalIndent(&f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the keys: %w", err)
	}
	if err := replaceFile(k.path, append(b, '\n')); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	k.mu.Lock()
	k.mu.looked = time.Time{}
	k.mu.Unlock()
	return nil
}

// replaceFile puts a file that only its owner reads in place of another.
func replaceFile(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
