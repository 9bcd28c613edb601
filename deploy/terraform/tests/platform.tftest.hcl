variables {
  primary = { name = "north", area = "eu", place = "stockholm", zones = ["n-a", "n-b", "n-c", "n-d"] }
  standby = { name = "south", area = "eu", place = "milan", zones = ["s-a", "s-b", "s-c"] }
  witness = { name = "west", area = "eu", place = "paris" }
}

run "sizes_are_the_requirements" {
  assert {
    condition     = module.sizes["primary"].components["mirror"].instances == 3 && module.sizes["primary"].components["mirror"].vcpus == 8
    error_message = "Mirror: 3 instances of 8 vCPUs at the beginning."
  }
  assert {
    condition     = module.sizes["primary"].components["postgresql"].storage_gb == 1000 && module.sizes["primary"].components["postgresql"].most == 10
    error_message = "PostgreSQL: 1 TB each, up to 10 instances."
  }
  assert {
    condition     = module.sizes["standby"].components["mirror"].instances == 1 && module.sizes["standby"].components["postgresql"].instances == 3
    error_message = "The standby has the data tier in full and one of everything else."
  }
  assert {
    condition     = !contains(keys(module.sizes["primary"].components), "web")
    error_message = "There is no web tier."
  }
  assert {
    condition     = length([for pool in values(output.inventory["north"].node_pools) : pool if pool.spot]) == 1
    error_message = "Batch work alone runs on spot machines."
  }
}

run "they_grow" {
  variables {
    phase = "scale"
  }
  assert {
    condition     = module.sizes["primary"].components["mirror"].instances == 5
    error_message = "Mirror: 5 from the first year on."
  }
}

run "networks_do_not_overlap" {
  assert {
    condition     = length(distinct(flatten([for region in values(output.inventory) : [for tier in values(region.subnets) : values(tier)]]))) == 2 * 4 * 3
    error_message = "Each tier has a network of its own in each zone."
  }
  assert {
    condition     = output.inventory["north"].network == "10.0.0.0/16" && output.inventory["south"].network == "10.1.0.0/16"
    error_message = "Each region has a /16 of its own."
  }
  assert {
    condition     = output.inventory["north"].subnets["data"]["n-a"] == "10.0.192.0/20"
    error_message = "The data tier begins at .192."
  }
}

run "objects_are_copied_and_keys_are_not" {
  assert {
    condition     = output.inventory["north"].buckets["backups"].replicated_to == "south" && output.inventory["south"].buckets["backups"].replicated_to == "north"
    error_message = "Backups are copied to the other region, both ways."
  }
  assert {
    condition     = output.inventory["north"].buckets["keyring"].replicated_to == null
    error_message = "A bucket's copy would bring destroyed keys back."
  }
  assert {
    condition     = output.inventory["north"].buckets["backups"].locked_days == 30
    error_message = "Backups cannot be deleted for 30 days."
  }
}

run "an_unknown_phase" {
  command = plan
  module {
    source = "./modules/sizing"
  }
  variables {
    phase = "later"
  }
  expect_failures = [var.phase]
}

run "an_unknown_component" {
  command = plan
  module {
    source = "./modules/sizing"
  }
  variables {
    phase     = "initial"
    instances = { mirrors = 3 }
  }
  expect_failures = [var.instances]
}

run "no_instances" {
  command = plan
  module {
    source = "./modules/sizing"
  }
  variables {
    phase     = "initial"
    instances = { mirror = 0 }
  }
  expect_failures = [var.instances]
}

run "numbers_of_the_planner_count" {
  module {
    source = "./modules/sizing"
  }
  variables {
    phase     = "initial"
    instances = { mirror = 30 }
  }
  assert {
    condition     = output.components["mirror"].instances == 30 && output.components["mirror"].most == 30
    error_message = "What meai plan asks for is taken."
  }
}

run "two_regions_in_one_place" {
  command = plan
  module {
    source = "./modules/regions"
  }
  variables {
    standby = { name = "south", area = "eu", place = "stockholm", zones = ["s-a", "s-b", "s-c"] }
  }
  expect_failures = [terraform_data.pair]
}

run "data_that_leaves_its_area" {
  command = plan
  module {
    source = "./modules/regions"
  }
  variables {
    standby = { name = "south", area = "us", place = "ohio", zones = ["s-a", "s-b", "s-c"] }
  }
  expect_failures = [terraform_data.pair]
}

run "two_zones" {
  command = plan
  module {
    source = "./modules/regions"
  }
  variables {
    standby = { name = "south", area = "eu", place = "milan", zones = ["s-a", "s-b", "s-b"] }
  }
  expect_failures = [var.standby]
}

run "a_block_that_is_public" {
  command = plan
  module {
    source = "./modules/addresses"
  }
  variables {
    block   = "8.0.0.0/8"
    regions = { north = ["a"] }
  }
  expect_failures = [var.block]
}

run "a_block_that_is_too_small" {
  command = plan
  module {
    source = "./modules/addresses"
  }
  variables {
    block   = "10.0.0.0/16"
    regions = { north = ["a"] }
  }
  expect_failures = [var.block]
}

run "backups_that_may_be_deleted_early" {
  command = plan
  variables {
    object_lock_days = 7
  }
  expect_failures = [var.object_lock_days]
}
