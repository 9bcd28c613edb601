package postgres

import (
	"crypto/tls"

	"github.com/jackc/pgx/v5/pgconn"
)

// SecureConfig makes every connection that is encrypted at all use what tlsFor
// returns for its host, and lets none fall back to the open. A URL with
// sslmode=disable stays in the open, and one that names certificate files of its
// own (sslrootcert, sslcert) keeps them. Without tlsFor nothing changes.
func SecureConfig(cfg *pgconn.Config, tlsFor func(host string) *tls.Config) {
	if tlsFor == nil {
		return
	}
	ways := append([]*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...)
	var secured []*pgconn.FallbackConfig
	for _, way := range ways {
		if way.TLSConfig == nil {
			continue
		}
		if way.TLSConfig.RootCAs == nil && len(way.TLSConfig.Certificates) == 0 {
			own := tlsFor(way.Host)
			own.NextProtos = way.TLSConfig.NextProtos
			way.TLSConfig = own
		}
		secured = append(secured, way)
	}
	if len(secured) == 0 {
		return
	}
	cfg.Host, cfg.Port, cfg.TLSConfig = secured[0].Host, secured[0].Port, secured[0].TLSConfig
	cfg.Fallbacks = secured[1:]
}
