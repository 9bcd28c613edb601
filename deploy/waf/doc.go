// Package waf has the configuration of the web application firewall in front of the API, and tests that run it.
package waf
