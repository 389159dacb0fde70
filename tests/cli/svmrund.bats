#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmrund's control socket without a device, and its VMs on an engine without hardware. The cases
# are functions of the Python files in tests/e2e; one test here runs one of them.

setup() {
	: "${SVMKIT_BUILD:?the directory with the built programs}"
	: "${SVMKIT_SRC:?the directory with the sources}"
	export SVMKIT_BUILD SVMKIT_SRC PYTHONDONTWRITEBYTECODE=1
	command -v python3 >/dev/null || skip "python3 is missing"
}

socket_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_robustness.py" "$1"
}

schema_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_schema.py" "$1"
}

roles_case() {
	[[ "$1" != as_root_* ]] || [ "$(id -u)" = 0 ] || skip "needs root to connect as other users"
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_roles.py" "$1"
}

crowd_case() {
	timeout 300 python3 "$SVMKIT_SRC/tests/e2e/rpc_crowd.py" "$1"
}

metrics_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_metrics.py" "$1"
}

control_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_control.py" "$1"
}

drive_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_drives.py" "$1"
}

filter_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_filters.py" "$1"
}

replay_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_replay.py" "$1"
}

service_case() {
	grep -q "define HAVE_LIBSYSTEMD 1" "$SVMKIT_BUILD/config.h" || skip "built without libsystemd"
	[[ "$1" != as_root_* ]] || unshare --mount true 2>/dev/null || skip "may not mount anything"
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_service.py" "$1"
}

vm_case() {
	timeout 120 python3 "$SVMKIT_SRC/tests/e2e/rpc_streaming.py" "$1"
}

@test "a confidential guest is refused by name, and its template can be listed" {
	control_case a_confidential_guest_is_refused_by_name
}

@test "every case of the Python files is listed here" {
	for file in rpc_robustness rpc_schema rpc_roles rpc_control rpc_filters rpc_replay \
		rpc_metrics rpc_drives rpc_crowd rpc_service rpc_streaming; do
		# As in the files themselves: helpers have no names of three words.
		names=$(sed -n 's/^def \([a-z0-9]*_[a-z0-9]*_[a-z0-9_]*\)():$/\1/p' \
			"$SVMKIT_SRC/tests/e2e/$file.py")
		for name in $names; do
			grep -q "_case $name\$" "$BATS_TEST_FILENAME" || {
				echo "$file: $name"
				false
			}
		done
	done
}

@test "system.info says why there is no module" {
	socket_case system_info_says_why_there_is_no_module
}

@test "vm.create without a module gives the remedy" {
	socket_case vm_create_without_a_module_gives_the_remedy
}

@test "objects that do not exist are error 1" {
	socket_case objects_that_do_not_exist_are_error_1
}

@test "garbage is answered with its place" {
	socket_case garbage_is_answered_with_its_place
}

@test "random garbage never hurts the other clients" {
	socket_case random_garbage_never_hurts_the_other_clients
}

@test "ids come back as they were sent" {
	socket_case ids_come_back_as_they_were_sent
}

@test "batches are answered in one line" {
	socket_case batches_are_answered_in_one_line
}

@test "notifications get no answer" {
	socket_case notifications_get_no_answer
}

@test "deep nesting is refused by its limit" {
	socket_case deep_nesting_is_refused_by_its_limit
}

@test "a line that is too long is skipped" {
	socket_case a_line_that_is_too_long_is_skipped
}

@test "unfinished lines of all clients are limited together" {
	socket_case unfinished_lines_of_all_clients_are_limited_together
}

@test "split lines are put together" {
	socket_case split_lines_are_put_together
}

@test "a half open client gets its answers" {
	socket_case a_half_open_client_gets_its_answers
}

@test "a client that never reads is no burden" {
	socket_case a_client_that_never_reads_is_no_burden
}

@test "clients that vanish leave nothing" {
	socket_case clients_that_vanish_leave_nothing
}

@test "the 65th client is told the limit" {
	socket_case the_65th_client_is_told_the_limit
}

@test "templates load once list and unload" {
	socket_case templates_load_once_list_and_unload
}

@test "bad templates are refused with the offset" {
	socket_case bad_templates_are_refused_with_the_offset
}

@test "a second daemon leaves the first alone" {
	socket_case a_second_daemon_leaves_the_first_alone
}

@test "a stale socket is replaced after kill" {
	socket_case a_stale_socket_is_replaced_after_kill
}

@test "of daemons that start together one wins" {
	socket_case of_daemons_that_start_together_one_wins
}

@test "a file that is no socket is left alone" {
	socket_case a_file_that_is_no_socket_is_left_alone
}

@test "the socket is for its owner only" {
	socket_case the_socket_is_for_its_owner_only
}

@test "SIGTERM tells the clients and exits 0" {
	socket_case sigterm_tells_the_clients_and_exits_0
}

@test "system.shutdown answers first" {
	socket_case system_shutdown_answers_first
}

@test "the OpenRPC document is the committed one" {
	socket_case the_openrpc_document_is_the_committed_one
}

@test "options are explained" {
	socket_case options_are_explained
}

@test "every end has its reason and state" {
	vm_case every_end_has_its_reason_and_state
}

@test "states refuse what does not fit" {
	vm_case states_refuse_what_does_not_fit
}

@test "vcpu.get has every register and field" {
	vm_case vcpu_get_has_every_register_and_field
}

@test "a lossless subscriber gets every event in order" {
	vm_case a_lossless_subscriber_gets_every_event_in_order
}

@test "several vCPUs stream side by side" {
	vm_case several_vcpus_stream_side_by_side
}

@test "a lossy subscriber learns how many were dropped" {
	vm_case a_lossy_subscriber_learns_how_many_were_dropped
}

@test "a lossless reader that pauses holds its vCPUs only" {
	vm_case a_lossless_reader_that_pauses_holds_its_vcpus_only
}

@test "a client that vanishes mid stream frees its hold" {
	vm_case a_client_that_vanishes_mid_stream_frees_its_hold
}

@test "a half open subscriber that vanishes is noticed" {
	vm_case a_half_open_subscriber_that_vanishes_is_noticed
}

@test "a stalled lossless reader loses its hold and is told" {
	vm_case a_stalled_lossless_reader_loses_its_hold_and_is_told
}

@test "unsubscribing ends the hold and the stream" {
	vm_case unsubscribing_ends_the_hold_and_the_stream
}

@test "console history is bounded and says what it lost" {
	vm_case console_history_is_bounded_and_says_what_it_lost
}

@test "console bytes that are no text come in base64" {
	vm_case console_bytes_that_are_no_text_come_in_base64
}

@test "subscriptions have a limit" {
	vm_case subscriptions_have_a_limit
}

@test "VMs have a limit and share one template" {
	vm_case vms_have_a_limit_and_share_one_template
}

@test "waiting requests have a limit and go with their client" {
	vm_case waiting_requests_have_a_limit_and_go_with_their_client
}

@test "SIGTERM stops running vms and says so" {
	vm_case sigterm_stops_running_vms_and_says_so
}

@test "SIGTERM does not wait for readers for ever" {
	vm_case sigterm_does_not_wait_for_readers_for_ever
}

@test "every move in every state does what the man page says" {
	control_case every_move_in_every_state_does_what_the_man_page_says
}

@test "a paused VM stands still and runs on" {
	control_case a_paused_vm_stands_still_and_runs_on
}

@test "a pause reaches vCPUs that wait for a reader" {
	control_case a_pause_reaches_vcpus_that_wait_for_a_reader
}

@test "a pause of a run that ends is refused" {
	control_case a_pause_of_a_run_that_ends_is_refused
}

@test "pause and resume may come in any number" {
	control_case pause_and_resume_may_come_in_any_number
}

@test "watchers hear of pause and resume" {
	control_case watchers_hear_of_pause_and_resume
}

@test "SIGTERM stops a paused VM" {
	control_case sigterm_stops_a_paused_vm
}

@test "registers are set before the start and while paused" {
	control_case registers_are_set_before_the_start_and_while_paused
}

@test "registers that the module does not take are refused whole" {
	control_case registers_that_the_module_does_not_take_are_refused_whole
}

@test "memory is read and written" {
	control_case memory_is_read_and_written
}

@test "memory that is not there is named" {
	control_case memory_that_is_not_there_is_named
}

@test "answers that nobody reads hold back the next requests" {
	control_case answers_that_nobody_reads_hold_back_the_next_requests
}

@test "limits end the run and are named" {
	control_case limits_end_the_run_and_are_named
}

@test "a run within its limits ends by itself" {
	control_case a_run_within_its_limits_ends_by_itself
}

@test "a paused vm uses no run time" {
	control_case a_paused_vm_uses_no_run_time
}

@test "every filter lets through what it says" {
	filter_case every_filter_lets_through_what_it_says
}

@test "one vCPU is told alone" {
	filter_case one_vcpu_is_told_alone
}

@test "a view has its fields and the same values" {
	filter_case a_view_has_its_fields_and_the_same_values
}

@test "names that do not exist are refused" {
	filter_case names_that_do_not_exist_are_refused
}

@test "drops of a filtered subscription are its own" {
	filter_case drops_of_a_filtered_subscription_are_its_own
}

@test "what the ring loses is told as unseen" {
	filter_case what_the_ring_loses_is_told_as_unseen
}

@test "a recording tells what was told" {
	replay_case a_recording_tells_what_was_told
}

@test "a replay refuses what a recording does not have" {
	replay_case a_replay_refuses_what_a_recording_does_not_have
}

@test "a million events lose none or say so" {
	replay_case a_million_events_lose_none_or_say_so
}

@test "a paused replay stands still and a stop ends it" {
	replay_case a_paused_replay_stands_still_and_a_stop_ends_it
}

@test "a recording of a killed daemon can be read" {
	replay_case a_recording_of_a_killed_daemon_can_be_read
}

@test "files that are no whole recording are refused" {
	replay_case files_that_are_no_whole_recording_are_refused
}

@test "readiness and watchdog and leaving are told" {
	service_case readiness_and_watchdog_and_leaving_are_told
}

@test "a socket of the manager is served and left" {
	service_case a_socket_of_the_manager_is_served_and_left
}

@test "a service without its device says why and how to get it" {
	service_case a_required_device_that_is_missing_is_the_last_word
}

@test "what is no listening socket is refused" {
	service_case what_is_no_listening_socket_is_refused
}

@test "every method takes what the document allows" {
	schema_case every_method_takes_what_the_document_allows
}

@test "every method refuses what the document does not allow" {
	schema_case every_method_refuses_what_the_document_does_not_allow
}

@test "numbers from 2 to the 53 are never rounded" {
	schema_case numbers_from_2_to_the_53_are_never_rounded
}

@test "as root observers read and operators change" {
	roles_case as_root_observers_read_and_operators_change
}

@test "as root a stranger is told why it is refused" {
	roles_case as_root_a_stranger_is_told_why_it_is_refused
}

@test "as root: observers leave room for operators" {
	roles_case as_root_observers_leave_room_for_operators
}

@test "as root a reload changes the roles of who is connected" {
	roles_case as_root_a_reload_changes_the_roles_of_who_is_connected
}

@test "the own user is an operator whatever the file says" {
	roles_case the_own_user_is_an_operator_whatever_the_file_says
}

@test "limits of the file are enforced and change with it" {
	roles_case limits_of_the_file_are_enforced_and_change_with_it
}

@test "a malformed file names line and remedy" {
	roles_case a_malformed_file_names_line_and_remedy
}

@test "a good file is called good" {
	roles_case a_good_file_is_called_good
}

@test "templates come by path below the directories only" {
	roles_case templates_come_by_path_below_the_directories_only
}

@test "templates come by descriptor" {
	roles_case templates_come_by_descriptor
}

@test "limits of size refuse a template" {
	control_case limits_of_size_refuse_a_template
}

@test "vCPUs run where and how urgently it was asked" {
	control_case vcpus_run_where_and_how_urgently_it_was_asked
}

@test "a reload is told to the manager" {
	service_case a_reload_is_told_to_the_manager
}

@test "as root the journal gets priorities and fields" {
	service_case as_root_the_journal_gets_priorities_and_fields
}

@test "binary frames have the same events" {
	filter_case binary_frames_have_the_same_events
}

@test "binary frames and drops add up" {
	filter_case binary_frames_and_drops_add_up
}

@test "old events are told again while the ring has them" {
	filter_case old_events_are_told_again_while_the_ring_has_them
}

@test "events told again join the stream without a gap" {
	filter_case events_told_again_join_the_stream_without_a_gap
}

@test "of several vCPUs one must be named" {
	filter_case of_several_vcpus_one_must_be_named
}

@test "an event before from seq is not told" {
	filter_case an_event_before_from_seq_is_not_told
}

@test "console input is taken whole or not at all" {
	control_case console_input_is_taken_whole_or_not_at_all
}

@test "several clients watch one console" {
	control_case several_clients_watch_one_console
}

@test "the text is OpenMetrics and counts what happened" {
	metrics_case the_text_is_openmetrics_and_counts_what_happened
}

@test "what is no request for metrics is refused" {
	metrics_case what_is_no_request_for_metrics_is_refused
}

@test "a port of the loopback serves the same" {
	metrics_case a_port_of_the_loopback_serves_the_same
}

@test "a place that cannot be had is named" {
	metrics_case a_place_that_cannot_be_had_is_named
}

@test "the whole state is set by the names of vcpu get" {
	control_case the_whole_state_is_set_by_the_names_of_vcpu_get
}

@test "a debugger pauses the VM and says why" {
	control_case a_debugger_pauses_the_vm_and_says_why
}

@test "page tables of the guest are walked" {
	control_case page_tables_of_the_guest_are_walked
}

@test "svmctl replay prints a recording as it was told" {
	replay_case a_recording_prints_what_was_told
}

@test "an export has every event of the recording" {
	replay_case an_export_has_every_event_of_the_recording
}

@test "an export of what is no recording says so" {
	replay_case an_export_of_what_is_no_recording_says_so
}

@test "a crowd of clients leaves nothing behind" {
	crowd_case a_crowd_of_clients_leaves_nothing_behind
}

@test "ten thousand connections leave nothing behind" {
	crowd_case ten_thousand_connections_leave_nothing_behind
}

@test "a gigabyte in one line is skipped in bounded memory" {
	crowd_case a_gigabyte_in_one_line_is_skipped_in_bounded_memory
}

@test "each name of the template wants one thing" {
	drive_case each_name_of_the_template_wants_one_thing
}

@test "rows have a form" {
	drive_case rows_have_a_form
}

@test "images are files below the directories" {
	drive_case images_are_files_below_the_directories
}

@test "images that others have are refused" {
	drive_case images_that_others_have_are_refused
}

@test "descriptors are images that fit" {
	drive_case descriptors_are_images_that_fit
}

@test "taps are those that are allowed and exist" {
	drive_case taps_are_those_that_are_allowed_and_exist
}

@test "a core dump has nothing of a template or its guest" {
	command -v gcore >/dev/null || skip "gcore is missing (GDB has it)"
	[ -z "${SVMKIT_CFLAGS-}" ] || skip "a sanitizer's address space is too large for a core"
	control_case a_core_dump_has_nothing_of_a_template_or_its_guest
}
