// Package queries is what sqlc makes of the statements in ../sql: one typed
// method for each. Only package postgres hands out a Queries, bound to the
// transaction of one person.
package queries
