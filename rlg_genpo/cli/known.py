"""Keys that rl_games up to 2.0 reads, to tell an override's typo; rl_games ignores unknown ones."""

TOP = "seed torch_threads algo model network config"

CONFIG = """
    adv_rms_momentum bound_loss_type bounds_loss_coef bptt_length central_value_config clip_actions
    clip_value critic_coef device device_name e_clip entropy_coef env_config env_name
    epochs_between_resets features freeze_critic full_experiment_name games_to_track gamma grad_norm
    horizon_length kl_threshold learning_rate log_path lr_schedule max_epochs max_frames max_steps
    mini_epochs minibatch_size minibatch_size_per_env mixed_precision multi_gpu name network_path
    normalize_advantage normalize_input normalize_rms_advantage normalize_value num_actors player
    population_based_training ppo print_stats reward_shaper save_best_after save_frequency
    schedule_entropy schedule_type score_to_win self_play self_play_config seq_length tau
    torch_compile train_dir truncate_grads use_action_masks use_diagnostics use_experimental_cv
    use_smooth_clamp value_bootstrap weight_decay zero_rnn_on_done
    algo_observer capability_manifest import_modules lr_multiplier max_lr min_lr
    multi_gpu_sync_stats multi_gpu_sync_stats_mode stop_fn vecenv_type
"""

NETWORK = """
    name separate flow residual agents diffusion action_value mlp cnn rnn space value_activation
    normalization central_value joint_obs_actions
"""

MLP = "units activation initializer d2rl norm_only_first_layer regularizer normalization"

RNN = "name units layers before_mlp concat_input concat_output layer_norm"

_REQUIRED = """
    name env_name num_actors horizon_length mini_epochs learning_rate lr_schedule gamma tau e_clip
    clip_value critic_coef entropy_coef grad_norm normalize_advantage normalize_input reward_shaper
"""

#: keys of params.config without which rl_games stops with a KeyError
REQUIRED = tuple(_REQUIRED.split())

_BLOCKS: dict[tuple[str, ...], set[str]] = {
    (): set(TOP.split()),
    ("config",): set(CONFIG.split()),
    ("network",): set(NETWORK.split()),
    ("network", "mlp"): set(MLP.split()),
    ("network", "rnn"): set(RNN.split()),
    ("network", "space"): {"continuous", "discrete", "multi_discrete"},
}


def keys(block: tuple[str, ...]) -> set[str] | None:
    """Keys that may be set in a block of ``params``; None where anything may be."""
    return _BLOCKS.get(block)
