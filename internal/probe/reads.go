// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"net/http"
	"slices"
)

// reading is one GET or HEAD, and what came of it.
type reading struct {
	ask   ask
	reply reply
}

func (g reading) origin() string { return termsOf(g.reply.Header).origin() }

// judgeReads finds caches and what else changes the answers to GET and HEAD, which
// preflights do not show. Which object that is, and whether there is one, does not
// matter: S3 sends the headers with its errors, too.
func (q *inquiry) judgeReads() {
	first := slices.IndexFunc(q.rounds, readable)
	if first < 0 || slices.ContainsFunc(q.rounds, func(r round) bool { return r.finding.class != AsPredicted }) {
		return // what is wrong is known
	}
	var f finding
	for range 2 { // once more, for what was wrong may have passed
		readings, ok := q.readings(&q.rounds[first])
		if !ok {
			return
		}
		var found bool
		if f, found = q.judgeReadings(readings); !found {
			return
		}
	}
	for i := range q.rounds {
		if readable(q.rounds[i]) {
			q.rounds[i].finding = f
		}
	}
}

// readable reports whether a round is about reading, and a browser would go on.
func readable(r round) bool {
	method := r.ask.RequestMethod
	return !r.stranger() && r.allowed && r.finding.class == AsPredicted && (method == http.MethodGet || method == http.MethodHead)
}

// readings asks for what the request of the round reads. A cache that does not tell
// origins apart gives pages what it keeps of this. So the URL itself is asked as
// origins that may read alone; as none and as a made-up one, a place of its own.
func (q *inquiry) readings(r *round) ([]reading, bool) {
	var readings []reading
	get := func(a ask) bool {
		got, ok := q.send(a)
		// What redirects or fails tells nothing of caches, and others say it.
		if !ok || got.err != nil || got.Status >= 500 || got.overloaded() || got.redirects() {
			return false
		}
		readings = append(readings, reading{a, got})
		return true
	}
	a := read(r.ask.RequestMethod, r.ask.Origin)
	if !get(a) {
		return nil, false
	}
	for _, another := range q.rounds {
		if b := read(a.Method, another.ask.Origin); readable(another) && b.Origin != a.Origin {
			if !get(b) {
				return nil, false
			}
			break
		}
	}
	a = a.at(freshQuery)
	if !get(a) {
		return nil, false
	}
	if got := readings[len(readings)-1].reply; got.fromCache() || q.repeats(got) {
		// The cache does not look at the query: this is no place of its own.
		readings = readings[:len(readings)-1]
		if a = a.at(freshPath); !get(a) {
			return nil, false
		}
	}
	for _, origin := range []string{"", madeUp + random() + ".invalid", a.Origin} {
		if !get(read(a.Method, origin).beside(a)) {
			return nil, false
		}
	}
	return readings, true
}

// judgeReadings compares the answers with what was asked and with one another.
func (q *inquiry) judgeReadings(readings []reading) (finding, bool) {
	for _, g := range readings {
		origin := g.origin()
		switch {
		case origin == "":
		case origin == "*" && g.ask.Origin == "":
			// Harmless in itself, but whoever keeps it for everybody keeps the answer
			// without any for everybody as well.
			if q.predictsNone(g.ask) && q.isKept(g.ask, g.reply) {
				return q.unkeyed(), true
			}
		case origin == "*", origin == g.ask.Origin:
			if q.target.Predicted != nil && q.predictsNone(g.ask) {
				return q.open(g), true
			}
		case q.isKept(g.ask, g.reply):
			return q.unkeyed(), true
		case q.target.Predicted != nil && g.ask.Origin != "" && !q.predictsNone(g.ask):
			return q.fixed(origin), true
		}
	}
	for _, g := range readings {
		if g.ask.Origin == readings[0].ask.Origin && len(termsOf(g.reply.Header).origins) == 0 {
			return q.judgeSilence(g)
		}
	}
	return finding{}, false
}

// open is an answer to an origin that no rule allows.
func (q *inquiry) open(g reading) finding {
	return finding{
		class: ProxyAnswers,
		message: fmt.Sprintf("preflights are answered as predicted, but %s also lets in origins that no rule allows: "+
			"something in front of the bucket sets Access-Control-Allow-Origin", g.ask.Method),
		advice: q.front().leaveHeaders(),
	}
}

// predictsNone reports whether the rules allow no origin in the answer.
func (q *inquiry) predictsNone(a ask) bool {
	if q.target.Predicted == nil {
		return a.Origin == ""
	}
	return len(termsOf(predictedAnswer(q.target.Predicted.Decide(a.Request)).Header).origins) == 0
}

// judgeSilence is about an answer that allows no origin although the preflight of
// the same origin is allowed.
func (q *inquiry) judgeSilence(g reading) (finding, bool) {
	succeeds := g.reply.Status/100 == 2
	for _, place := range []place{freshQuery, freshPath} {
		if place == freshPath && !succeeds {
			break // what is refused and what is not there can differ in this
		}
		fresh, ok := q.send(g.ask.at(place))
		if !ok || fresh.err != nil {
			return finding{}, false
		}
		if len(termsOf(fresh.Header).origins) > 0 {
			return q.outdated(), true
		}
	}
	if !succeeds {
		return finding{}, false // some servers leave the headers off their errors
	}
	if g.reply.fromCache() {
		return q.outdated(), true
	}
	return finding{
		class: OriginStripped,
		message: "preflights are answered as predicted, but " + g.ask.Method + " is answered without Access-Control-Allow-Origin: " +
			"something in front of the bucket does not pass on its header Origin, or removes the answer's",
		advice: q.front().passOn(),
	}, true
}
