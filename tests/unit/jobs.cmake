deskwire_add_tests(NAME unit_jobs LABEL unit
  SOURCES
    support/job_store_conformance.cc
    support/job_store_debounce_conformance.cc
    support/job_store_effects_conformance.cc
    support/job_store_intake_conformance.cc
    support/job_store_lanes_conformance.cc
    support/job_store_operators_conformance.cc
    unit/backoff_test.cc
    unit/job_keys_test.cc
    unit/job_rules_test.cc
    unit/mail_text_test.cc
    unit/memory_job_store_test.cc
  DEPS deskwire::jobs)
