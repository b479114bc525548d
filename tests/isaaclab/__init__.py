"""Isaac Lab's real wrapper, resolvers, tasks and YAML files over a stand-in for its simulator."""
