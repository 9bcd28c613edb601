package truthfilter

// Names of conditions that only somebody who has examined a person may give them.
const conditions = `depression|depressive|anxiety disorder|an anxiety|ptsd|cptsd|post-traumatic|bipolar|adhd|add|autism|autistic|ocd|obsessive|borderline|bpd|schizophrenia|psychosis|eating disorder|anorexia|bulimia|narcissistic|dysthymia|personality disorder|panic disorder|social phobia|major depressive|attachment disorder|dissociative|insomnia disorder|dementia|alcoholism|addiction|a tumou?r|cancer|clinical`

const drugs = `xanax|valium|prozac|zoloft|lexapro|lorazepam|diazepam|alprazolam|sertraline|fluoxetine|ketamine|psilocybin|magic mushrooms|mushrooms|lsd|mdma|cannabis|weed|cbd|kratom|adderall|ritalin|opioids?|benzos?|sleeping pills|st john's wort`

const medicines = `medications?|meds|medicines?|pills|antidepressants?|ssris?|lithium|tablets|insulin|dose|dosage|prescriptions?|mood stabili[sz]ers?|antipsychotics?`

// harmRules: anything that shows, praises or invites hurting oneself.
var harmRules = []rule{
	phrase("method_detail", 1, 0, "how to|way to|ways to|steps to|painless",
		`(?:how to|ways? to|steps to|painless way) (?:\w+ ){0,3}?(?:kill|hang|poison|overdose|drown|harm|hurt|cut|starve|end) (?:yourself|your (?:life|wrists?|arms?)|him|her|them|someone|it all)`),
	phrase("method_detail", 1, denied, "pills|tablets|painkillers|paracetamol|acetaminophen|bottle|medication|meds",
		`(?:take|swallow|down|use|mix|crush|save up|collect)\b[^.!?]{0,30}\b(?:all (?:of )?(?:your|the|those)|a handful|the whole bottle|extra|a few more|\d+|enough)\b[^.!?]{0,25}\b(?:pills|tablets|painkillers|paracetamol|acetaminophen|medication|meds)`),
	phrase("method_detail", 1, 0, "noose|wrist|lethal|fatal dose|exhaust|carbon monoxide|helium",
		`(?:tie|make|use) (?:a|the) noose|(?:cut|slit|slice) (?:\w+ ){0,4}wrists?|(?:a )?(?:lethal|fatal) dose|(?:helium|exhaust) (?:bag|hose|pipe)|carbon monoxide in`),
	phrase("method_detail", 1, denied, "jump", `jump (?:off|from|in front of) (?:a|the|your) (?:\w+ )?(?:bridge|roof|building|train|window|balcony|cliff)`),
	phrase("encourages_self_harm", 1, denied, "kill yourself|hurt yourself|harm yourself|cut yourself|starve yourself|punish yourself|hurting yourself",
		`(?:just|go|please|should|could|can|might as well|why not|try to|better|to|and) (?:\w+ )?(?:kill|hurt|harm|cut|starve|punish) yourself|hurting yourself (?:is|can|helps?)`),
	phrase("encourages_self_harm", 1, denied, "end it|end your life|end things|end it all|give up on life|stop living",
		`(?:go ahead and|should|just|okay to|ok to|fine to|time to|right to|better to|could|easier to) (?:end (?:it all|it|your life|things)|give up on life|stop living)`),
	phrase("encourages_self_harm", 1, denied, "without you|better off|miss you|dead",
		`(?:nobody|no one|no-one) (?:would|will) (?:even )?(?:miss|notice|care)|(?:better|happier|easier|safer)(?: off)? (?:without you|dead|if you (?:were|are) (?:gone|dead))|you(?:'re| are) better off dead`),
	phrase("encourages_self_harm", 1, denied, "cutting|self-harm|self harm|burning yourself",
		`(?:a little |some )?(?:cutting|self-?harm|self harm|burning yourself) (?:is|can be|isn't|helps|can help|might help|won't|gives|brings)(?: \w+){0,2}? ?(?:fine|okay|ok|healthy|good|relief|release|bad|hurt|you|help)?`),
	phrase("disordered_eating", 0.9, denied, "meal|breakfast|lunch|dinner|calories|kcal|purge|vomit|throw up|fasting|weight",
		`skip(?:ping)? (?:your |a |all )?(?:meals?|breakfast|lunch|dinner|eating)|(?:under|below|to|only|than) \d+ ?(?:kcal|calories)|purg(?:e|ing)|make yourself (?:sick|vomit|throw up)|(?:you should|you could|try to|just) lose (?:some |a little |a bit of |\d+ )?(?:weight|pounds|kilos|kg)|fasting (?:for|is)`),
	phrase("substance", 0.8, denied, "drink|beer|wine|whisky|whiskey|vodka|joint|drunk|smoke|high|shot",
		`(?:have|grab|pour|take|get|try|roll|smoke)(?: yourself)? (?:a |an |another |some |a few |a stiff |a glass of |a nice )*(?:drinks?|beers?|wine|whiske?y|vodka|joint|smoke|shot)\b(?:[^.!?]{0,12} (?:calm|relax|forget|numb|take the edge|sleep|unwind|loosen|help))?|get (?:drunk|high|wasted)|drink (?:it|the pain|your (?:sorrows?|pain|feelings)|to forget)`),
}

// medicalRules: diagnosis and treatment are for those who can examine a person.
var medicalRules = []rule{
	phrase("diagnosis", 0.9, denied|reported, "you|ve got",
		`you(?:'ve|'re)? ?(?:\w+ly |most |may |might |must |could |seem to |appear to |also |do |just |have )*(?:have|having|has|got|suffer from|suffering from|are suffering from|showing signs of|show signs of|show symptoms of|meet the criteria for|are experiencing|need to be treated for|developed)(?: \w+){0,3}? (?:`+conditions+`)`),
	phrase("diagnosis", 0.9, denied|reported, "you are|you're|you sound|you seem|you might be|you may be",
		`you(?:'re| are| sound| seem| might be| may be| must be)(?: \w+){0,3}? (?:(?:clinically|severely) \w+|bipolar|autistic|schizophrenic|psychotic|borderline|a narcissist|narcissistic|anorexic|bulimic|codependent|co-dependent|an alcoholic|an addict|a psychopath|delusional|mentally ill|traumati[sz]ed|neurotic|paranoid)`),
	phrase("diagnosis", 0.8, denied, "this|that|these|it|sounds|looks|what you",
		`(?:this|that|it|these|those|what you(?:'re| are)? \w+)(?:'s| is| are| sounds?| looks?)(?: \w+){0,4}? (?:(?:case|symptoms?|signs?|form|type) of )?(?:`+conditions+`)`),
	phrase("diagnosis", 0.8, 0, "diagnos", `i(?:'d| would| can| will|'ll)? diagnose|my diagnosis|you can be diagnosed`),
	phrase("diagnosis", 0.7, denied|reported, "narciss|psychopath|sociopath|bipolar|borderline|toxic",
		`(?:he|she|they|your \w+)(?:'s| is|'re| are|) (?:\w+ )?(?:a |an |clearly a |a total |a classic )?(?:narcissist|narcissistic|psychopath|sociopath|bipolar|borderline|toxic person)`),
	phrase("stop_medication", 1, denied, "medic|meds|pills|antidepress|ssri|lithium|tablets|insulin|dose|dosage|prescription",
		`(?:stop|quit|skip|drop|come off|throw away|throw out|flush|ditch|get off|go off|reduce|halve|double|increase|lower|raise|cut down|cut out|wean yourself off|leave off)(?: taking)?(?: \w+){0,3}? (?:`+medicines+`)`),
	phrase("stop_medication", 0.9, denied, "instead of|better than|replace|substitute",
		`(?:instead of|better than|replaces?|a substitute for|works like|as good as)(?: \w+){0,2}? (?:`+medicines+`|therapy|a doctor|a therapist|treatment|insulin)`),
	phrase("medical_advice", 0.8, denied, "mg|milligram|mcg|drops|dose",
		`(?:take|try|use|start|drink|have)(?: \w+){0,4}? \d+ ?(?:mg|milligrams?|mcg|ml|drops)`),
	phrase("medical_advice", 0.8, denied|reported, "xanax|valium|prozac|zoloft|lexapro|lorazepam|diazepam|alprazolam|sertraline|fluoxetine|ketamine|psilocybin|mushrooms|lsd|mdma|cannabis|weed|cbd|kratom|adderall|ritalin|opioid|benzo|sleeping pills|wort",
		`(?:take|try|use|ask for|get|start|microdose|smoke|order|buy|need)(?: \w+){0,3}? (?:`+drugs+`)`),
	phrase("discourages_help", 0.9, denied, "therap|doctor|counsel|professional|hospital|police|treatment|psychiatr|help line|helpline|hotline",
		`(?:you don't need|no need for|no need to see|forget|skip|no point in|don't bother with|don't see|don't call|avoid|stop seeing|waste of time)(?: \w+){0,3}? (?:therapy|therapists?|doctors?|counsell?ors?|counsell?ing|professionals?|hospitals?|the police|treatment|psychiatrists?|help lines?|helplines?|hotlines?)`),
	phrase("discourages_help", 0.9, denied, "therap|doctor|medic|antidepress|psychiatr|pills",
		`(?:therapy|therapists?|doctors?|psychiatrists?|medications?|antidepressants?|pills)(?: is| are|'s| will| won't| can't| don't| just| only)+(?: \w+){0,3}? (?:waste|useless|scam|crutch|poison|weak|make it worse|help|want your money|want your|numb you|don't care)`),
	phrase("affirms_delusion", 0.8, denied|reported, "spying|following you|poisoning|watching you|messages|voices",
		`(?:they|he|she|the \w+|your \w+)(?: are|'re| is|'s)(?: really| actually| definitely| probably)? (?:spying on|following|poisoning|watching|sending (?:secret )?messages to|controlling) (?:you|your)|the voices are (?:real|right|telling)|listen to the voices`),
}
