// Package logging has the configuration that collects the log and keeps it as long as it has to be kept.
package logging
