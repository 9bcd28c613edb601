package bridge

import (
	"slices"
	"strings"

	"meai/activities/mirror/crisis"
	"meai/internal/lexicon"
)

// dangerTerms are what help lines call the dangers that the crisis rules tell apart.
var dangerTerms = map[crisis.Kind]map[string]bool{
	crisis.Suicide:          termSet("suicide crisis"),
	crisis.SelfHarm:         termSet("self-harm self harm suicide crisis"),
	crisis.Abuse:            termSet("abuse violence domestic assault"),
	crisis.DangerToOthers:   termSet("crisis danger violence"),
	crisis.MedicalEmergency: termSet("emergency ambulance overdose poison"),
}

// dangersIn returns the terms of the dangers that the words show, none when they
// show no danger.
func dangersIn(topic string) map[string]bool {
	found := make(map[string]bool)
	for _, kind := range crisis.Assess(topic).Kinds {
		for term := range dangerTerms[kind] {
			found[term] = true
		}
	}
	return found
}

// audiences are those for whom a help line may be meant.
var audiences = termSet("child young teenager lgbtq gay lesbian bisexual trans widow old bereavement eating bulimia anorexia alcohol drugs addiction poison sexual assault rape")

var lineWords = termSet("hotline helpline lifeline samaritans emergency counsellor counselor therapist ambulance")

// asksForALine reports whether the words ask for somebody to call or write to.
func asksForALine(topic string) bool {
	for _, t := range lexicon.Terms(topic) {
		if lineWords[t] {
			return true
		}
	}
	words := " " + strings.Join(lexicon.Words(topic), " ") + " "
	return slices.ContainsFunc([]string{
		" help line ", " help lines ", " crisis line ", " someone to talk to ", " somebody to talk to ", " someone to call ", " somebody to call ",
		" number to call ", " who can i call ", " who do i call ", " who could i call ", " someone i can call ", " someone i can talk to ", " professional help ",
	}, func(p string) bool { return strings.Contains(words, p) })
}

// places name regions as people do.
var places = map[string]string{
	"united states": "US", "usa": "US", "america": "US", "american": "US",
	"united kingdom": "GB", "uk": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "london": "GB",
	"ireland": "IE", "dublin": "IE", "canada": "CA", "canadian": "CA", "australia": "AU", "new zealand": "NZ",
	"germany": "DE", "german": "DE", "berlin": "DE", "austria": "AT", "vienna": "AT", "switzerland": "CH", "france": "FR", "paris": "FR",
	"netherlands": "NL", "amsterdam": "NL", "spain": "ES", "madrid": "ES", "india": "IN", "mumbai": "IN", "delhi": "IN",
}

func regionsNamed(topic string) map[string]bool {
	words := " " + strings.Join(lexicon.Words(topic), " ") + " "
	found := make(map[string]bool)
	for place, region := range places {
		if strings.Contains(words, " "+place+" ") {
			found[region] = true
		}
	}
	return found
}

// intersect reports whether a term is in all of the sets.
func intersect(sets ...map[string]bool) bool {
	for term := range sets[0] {
		if !slices.ContainsFunc(sets[1:], func(set map[string]bool) bool { return !set[term] }) {
			return true
		}
	}
	return false
}
