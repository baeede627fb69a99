package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

// dist is the dashboard as web/ui builds it: index.html, and assets whose names
// hold a hash of what is in them. A file x.br or x.gz is x, compressed.
//
//go:embed all:dist
var dist embed.FS

// dashboard serves a built user interface from memory.
type dashboard struct {
	files map[string]*pageFile // by path, such as /assets/index-B8SA2qva.js
}

// pageFile is one file and its compressed forms by encoding.
type pageFile struct {
	mediaType string
	plain     []byte
	packed    map[string][]byte
	immutable bool // its name changes when it does
}

// mediaTypes of what a dashboard is made of: the machine's own table of types
// may say anything.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webmanifest": "application/manifest+json", ".json": "application/json",
	".map": "application/json", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

// builtDashboard is what was embedded.
var builtDashboard = sync.OnceValue(func() *dashboard {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("BUG: the dashboard is not embedded: " + err.Error())
	}
	d, err := newDashboard(sub)
	if err != nil {
		panic("BUG: read the embedded dashboard: " + err.Error())
	}
	if d == nil {
		panic("BUG: got no index.html in web/dist; want the dashboard: run scripts/ui.sh build")
	}
	return d
})

// newDashboard reads the files once; nil without an index.html.
func newDashboard(files fs.FS) (*dashboard, error) {
	d := &dashboard{files: map[string]*pageFile{}}
	at := func(name string) *pageFile {
		f := d.files[name]
		if f == nil {
			f = &pageFile{packed: map[string][]byte{}}
			d.files[name] = f
		}
		return f
	}
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		name = "/" + name
		for ext, encoding := range map[string]string{".br": "br", ".gz": "gzip"} {
			if base, ok := strings.CutSuffix(name, ext); ok {
				at(base).packed[encoding] = body
				return nil
			}
		}
		f := at(name)
		f.plain, f.immutable = body, strings.HasPrefix(name, "/assets/")
		if f.mediaType = mediaTypes[path.Ext(name)]; f.mediaType == "" {
			f.mediaType = "application/octet-stream"
		}
		return nil
	})
	for name, f := range d.files {
		if f.plain == nil {
			delete(d.files, name) // only its compressed form is there
		}
	}
	if d.files["/index.html"] == nil {
		return nil, err
	}
	return d, err
}

// serve adds a route for each file, and the index at the root.
func (d *dashboard) serve(serve func(method, path string, h http.HandlerFunc)) {
	for name, f := range d.files {
		if name != "/index.html" {
			serve(http.MethodGet, name, f.serve)
		}
	}
	serve(http.MethodGet, "/", d.index)
}

func (d *dashboard) index(w http.ResponseWriter, r *http.Request) { d.files["/index.html"].serve(w, r) }

// wants says whether a path that is no route is one of the dashboard's: a
// browser goes there, and it is no file and nothing of the API.
func (d *dashboard) wants(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	p := r.URL.Path
	if p == "/v1" || strings.HasPrefix(p, "/v1/") || strings.HasPrefix(p, "/assets/") || strings.HasPrefix(p, "/debug/") {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (f *pageFile) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	body := f.plain
	if len(f.packed) > 0 {
		h.Add("Vary", "Accept-Encoding")
		for _, encoding := range []string{"br", "gzip"} {
			if packed := f.packed[encoding]; packed != nil && takesEncoding(r, encoding) {
				h.Set("Content-Encoding", encoding)
				body = packed
				break
			}
		}
	}
	fresh := freshNever
	if f.immutable {
		fresh = freshEver
	}
	sendFresh(w, r, http.StatusOK, body, fresh)
}

// takesEncoding reads Accept-Encoding: what is named with q=0 is not taken.
func takesEncoding(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}
