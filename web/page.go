package web

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed page
var pageFiles embed.FS

// serveOldPage serves the live page and the page of one conversion, where no
// dashboard was built. The files are read once; nothing is inline, so that the
// strict policy holds.
func (s *Server) serveOldPage(serve func(method, path string, h http.HandlerFunc)) {
	entries, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		panic("BUG: the page is not embedded: " + err.Error())
	}
	for _, e := range entries {
		h := file(e.Name())
		switch e.Name() {
		case "index.html":
			serve(http.MethodGet, "/", h)
		case "conversion.html":
			serve(http.MethodGet, "/conversions/{id}", h)
		default:
			serve(http.MethodGet, "/page/"+e.Name(), h)
		}
	}
}

func file(name string) http.HandlerFunc {
	body, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic("BUG: the page is not embedded: " + err.Error())
	}
	typ := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // the machine's own table of types may say anything
	case ".html":
		typ = "text/html; charset=utf-8"
	case ".css":
		typ = "text/css; charset=utf-8"
	case ".js":
		typ = "text/javascript; charset=utf-8"
	case ".svg":
		typ = "image/svg+xml"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typ)
		send(w, r, http.StatusOK, body)
	}
}
