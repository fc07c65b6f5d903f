package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// gate lets requests through that come from this machine or bear the token.
type gate struct {
	token string
	next  http.HandlerFunc
}

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch offered, ok := bearer(r); {
	case ok && g.token != "" && same(offered, g.token):
		g.next(w, r)
	case ok:
		// A wrong token is refused from this machine as well, so that a mistake
		// shows before the caller moves elsewhere.
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		say(w, http.StatusUnauthorized, "the token is not the worker's")
	case local(r):
		g.next(w, r)
	default:
		w.Header().Set("WWW-Authenticate", "Bearer")
		say(w, http.StatusUnauthorized, "send the worker's token as Authorization: Bearer TOKEN, or ask from the same machine")
	}
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// same takes the same time wherever two tokens differ, and whatever their lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// local reports whether a request was made on this machine by a program. A
// request that a proxy passed on comes from a local address without being
// local, and a page in a browser on this machine may be anybody's: its requests
// carry an origin, or a host name that was made to point here.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() || !loopbackHost(r.Host) {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via", "Origin", "Sec-Fetch-Site"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
